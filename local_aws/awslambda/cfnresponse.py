"""The module that AWS puts beside inline code, for functions that answer CloudFormation.

Interface: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/
cfn-lambda-function-code-cfnresponsemodule.html
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(  # noqa: PLR0913 - the signature is AWS's
    event: dict[str, Any],
    context: Any,
    responseStatus: str,
    responseData: Any,
    physicalResourceId: Any = None,
    noEcho: bool = False,
    reason: str | None = None,
) -> None:
    """Answer a custom resource's request; a failure to do so is printed, not raised."""
    stream = context.log_stream_name
    document = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {stream}",
        "PhysicalResourceId": physicalResourceId or stream,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    body = json.dumps(document).encode()
    request = urllib.request.Request(  # noqa: S310 - the address comes from CloudFormation
        event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""}
    )
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310 - as above
            print("Status code:", response.status)
    except Exception as error:
        print("send(..) failed executing request(..):", error)
