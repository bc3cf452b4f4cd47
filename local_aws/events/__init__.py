"""EventBridge: events that reach the targets of the rules that match them."""

from local_aws.events.models import deliver as deliver
from local_aws.events.models import install as install
from local_aws.events.models import message as message
from local_aws.events.models import put_event as put_event
