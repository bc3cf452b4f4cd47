"""CloudFormation: stacks whose every resource is made through its own service's API."""

from local_aws.cloudformation.models import install as install
