"""Lambda: functions whose code runs, each invocation in a process of its own."""

from local_aws.awslambda.models import install as install
