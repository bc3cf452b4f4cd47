"""Moto's Lambda backend, whose functions run."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.awslambda.models import (
    EventInvokeConfig,
    LambdaBackend,
    LambdaFunction,
    LambdaStorage,
)
from moto.core.exceptions import JsonRESTError
from moto.core.utils import iso_8601_datetime_with_nanoseconds

from local_aws.awslambda import asynchronous, rights
from local_aws.awslambda.destinations import (
    check_dead_letters,
    check_destinations,
    destinations,
)
from local_aws.awslambda.runner import Invocation
from local_aws.errors import NotSupported
from local_aws.iam import enforcement
from local_aws.iam.sessions import NotTrusted, check_trust

REFUSED = {
    "create_event_source_mapping": "event source mappings",
    "create_function_url_config": "function URLs",
    "publish_layer_version": "layers",
    "send_sns_message": "subscriptions to SNS topics",
}


def install() -> None:
    """Put the methods of this package in the place of moto's."""
    if LambdaFunction.invoke is invoke:
        return
    LambdaFunction.invoke = invoke
    LambdaFunction.get_configuration = _with_dead_letters(LambdaFunction.get_configuration)
    for name in ("create_function", "update_function_configuration"):
        setattr(LambdaBackend, name, _checked(getattr(LambdaBackend, name)))
    for name, what in REFUSED.items():
        setattr(LambdaBackend, name, _refusing(what))
    LambdaBackend.put_function_event_invoke_config = put_function_event_invoke_config
    LambdaStorage.__getstate__ = _storage_state
    LambdaStorage.__setstate__ = _set_storage_state


def invoke(
    function: LambdaFunction,
    body: str | bytes | None,
    request_headers: Mapping[str, str],
    response_headers: dict[str, str],
) -> bytes:
    """Run a function, or keep the event for it when the invocation type is Event.

    Returns:
        The response's body.

    Raises:
        JsonRESTError: The payload is not JSON.
    """
    headers = {name.lower(): value for name, value in request_headers.items()}
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    payload = _parsed(body)
    if kind == "DryRun":
        return b""
    if kind == "Event":
        asynchronous.accept(function, payload)
        return b""
    outcome = Invocation(function, payload).run()
    response_headers["x-amz-executed-version"] = str(function.version)
    response_headers["x-amz-log-result"] = base64.b64encode(outcome.log_tail).decode()
    if outcome.failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    return outcome.payload.encode()


def put_function_event_invoke_config(
    backend: LambdaBackend, function_name: str, config: dict[str, Any]
) -> dict[str, Any]:
    """Replace how a function's events are handled. Moto would keep showing the first settings."""
    check_destinations(config)
    function = backend.get_function(function_name)
    for target in destinations(config).values():
        _check_sending(function.role, function.function_name, function.region, target)
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
    for name in ("Layers", "VpcConfig", "FileSystemConfigs", "LoggingConfig"):
        if spec.get(name):
            raise NotSupported(f"{name} of Lambda functions")
    check_dead_letters(_dead_letter_arn(spec))


def _storage_state(storage: LambdaStorage) -> dict[str, Any]:
    """What a snapshot keeps: moto's default for aliases cannot be pickled."""
    return {**vars(storage), "_aliases": dict(storage._aliases)}


def _set_storage_state(storage: LambdaStorage, state: dict[str, Any]) -> None:
    empty = LambdaStorage(state["region_name"], state["account_id"])
    empty._aliases.update(state["_aliases"])
    vars(storage).update({**state, "_aliases": empty._aliases})


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
        named = [each for each in (*args, kwargs.get("function_name")) if isinstance(each, str)]
        if enforcement.is_on():
            _check_role(backend, backend.get_function(named[0]) if named else None, spec)
        answer = original(backend, *args, **kwargs)
        if "DeadLetterConfig" in spec:
            function = backend.get_function(named[0] if named else spec["FunctionName"])
            function.dead_letter_arn = _dead_letter_arn(spec)
        return answer

    return method


def _check_role(
    backend: LambdaBackend, function: LambdaFunction | None, spec: Mapping[str, Any]
) -> None:
    """Check the role that a function is created with, or has after an update."""
    if not spec.keys() & {"Role", "DeadLetterConfig"}:
        return
    role = spec.get("Role") or (function.role if function else "")
    name = function.function_name if function else spec["FunctionName"]
    kept = vars(function).get("dead_letter_arn", "") if function else ""
    target = _dead_letter_arn(spec) if "DeadLetterConfig" in spec else kept
    try:
        check_trust(role, "lambda.amazonaws.com")
    except NotTrusted as refusal:
        raise JsonRESTError("InvalidParameterValueException", str(refusal)) from refusal
    _check_sending(role, name, backend.region_name, target)


def _check_sending(role: str, function: str, region: str, target: str) -> None:
    try:
        rights.check_sending(role, function, region, target)
    except enforcement.AccessDenied as denied:
        message = rights.refusal(target)
        raise JsonRESTError("InvalidParameterValueException", message) from denied


def _dead_letter_arn(spec: Mapping[str, Any]) -> str:
    return str((spec.get("DeadLetterConfig") or {}).get("TargetArn") or "")


def _with_dead_letters(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_configuration(function: LambdaFunction, *args: Any, **kwargs: Any) -> dict[str, Any]:
        shown: dict[str, Any] = original(function, *args, **kwargs)
        if arn := vars(function).get("dead_letter_arn"):
            shown["DeadLetterConfig"] = {"TargetArn": arn}
        return shown

    return get_configuration


def _refusing(what: str) -> Callable[..., Any]:
    def method(*_: Any, **__: Any) -> Any:
        raise NotSupported(f"{what} of Lambda functions")

    return method
