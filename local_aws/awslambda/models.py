"""Moto's Lambda backend, whose functions run."""

from __future__ import annotations

import base64
import functools
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from moto.awslambda.models import EventInvokeConfig, LambdaBackend, LambdaFunction
from moto.core.exceptions import JsonRESTError
from moto.core.utils import iso_8601_datetime_with_nanoseconds

from local_aws.awslambda.runner import Invocation
from local_aws.errors import NotSupported
from local_aws.iam import enforcement
from local_aws.iam.sessions import NotTrusted, check_trust

REFUSED = {
    "create_event_source_mapping": "event source mappings",
    "create_function_url_config": "function URLs",
    "publish_layer_version": "layers",
}


def install() -> None:
    """Put the methods of this package in the place of moto's."""
    if LambdaFunction.invoke is invoke:
        return
    LambdaFunction.invoke = invoke
    for name in ("create_function", "update_function_configuration"):
        setattr(LambdaBackend, name, _checked(getattr(LambdaBackend, name)))
    for name, what in REFUSED.items():
        setattr(LambdaBackend, name, _refusing(what))
    LambdaBackend.put_function_event_invoke_config = put_function_event_invoke_config


def invoke(
    function: LambdaFunction,
    body: str | bytes | None,
    request_headers: Mapping[str, str],
    response_headers: dict[str, str],
) -> bytes:
    """Run a function, in a thread when the invocation type is Event.

    A failed Event is not tried again; AWS would try twice more, minutes later.

    Returns:
        The response's body.

    Raises:
        JsonRESTError: The payload is not JSON.
    """
    headers = {name.lower(): value for name, value in request_headers.items()}
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    invocation = Invocation(function, _parsed(body))
    if kind == "DryRun":
        return b""
    if kind == "Event":
        threading.Thread(target=invocation.run, name=invocation.request_id, daemon=True).start()
        return b""
    outcome = invocation.run()
    response_headers["x-amz-executed-version"] = str(function.version)
    response_headers["x-amz-log-result"] = base64.b64encode(outcome.log_tail).decode()
    if outcome.failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    return outcome.payload.encode()


def put_function_event_invoke_config(
    backend: LambdaBackend, function_name: str, config: dict[str, Any]
) -> dict[str, Any]:
    """Replace how a function's events are handled. Moto would keep showing the first settings."""
    function = backend.get_function(function_name)
    now = iso_8601_datetime_with_nanoseconds()
    function.event_invoke_config = [EventInvokeConfig(function.function_arn, now, config)]
    answer: dict[str, Any] = function.event_invoke_config[0].response()
    return answer


def check(spec: Mapping[str, Any]) -> None:
    """Refuse what would not run.

    Raises:
        NotSupported: Naming the first setting of a function that nothing here carries out.
    """
    if spec.get("PackageType", "Zip") != "Zip":
        raise NotSupported(f"Lambda functions of package type {spec['PackageType']}")
    runtime = spec.get("Runtime")
    if runtime is not None and not str(runtime).startswith("python3."):
        raise NotSupported(f"the Lambda runtime {runtime}", "It runs Python 3 only.")
    for name in ("Layers", "VpcConfig", "DeadLetterConfig", "FileSystemConfigs", "LoggingConfig"):
        if spec.get(name):
            raise NotSupported(f"{name} of Lambda functions")


def _parsed(body: str | bytes | None) -> Any:
    try:
        return json.loads(body) if body else {}
    except ValueError as error:
        raise JsonRESTError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error


def _checked(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(backend: Any, *args: Any, **kwargs: Any) -> Any:
        spec = kwargs.get("body") or next(arg for arg in args if isinstance(arg, Mapping))
        check(spec)
        if enforcement.is_on() and spec.get("Role"):
            _check_trust(spec["Role"])
        return original(backend, *args, **kwargs)

    return method


def _check_trust(role: str) -> None:
    try:
        check_trust(role, "lambda.amazonaws.com")
    except NotTrusted as refusal:
        raise JsonRESTError("InvalidParameterValueException", str(refusal)) from refusal


def _refusing(what: str) -> Callable[..., Any]:
    def method(*_: Any, **__: Any) -> Any:
        raise NotSupported(f"{what} of Lambda functions")

    return method
