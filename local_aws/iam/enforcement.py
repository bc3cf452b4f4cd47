"""Decides about every call of a restricted principal, and keeps the access log.

Off unless `python -m local_aws up --enforce-iam` was asked for. The log,
`<data dir>/iam/access.jsonl`, has a line for each access of a restricted principal: who, which
action, on which resource, with which condition keys, and what the policies say; each different
line once. It goes on after a restart, as everything in the data directory does.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec

from moto.core.exceptions import JsonRESTError
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from local_aws import settings
from local_aws.errors import NotSupported
from local_aws.iam import hadoop
from local_aws.iam.keys import with_keys
from local_aws.iam.operations import needs
from local_aws.iam.policy import Access, Decision, decide
from local_aws.iam.principals import Principal, caller, identify

PATH = "/_authorize-s3"  # where the file system of Spark asks; no bucket can have that name
# By the names that moto has for its applications, where botocore has others.
SERVICE_NAMES = {"awslambda": "lambda"}
# Their errors, unlike those of the others, are AccessDenied with status 403.
XML_SERVICES = frozenset(["cloudformation", "cloudwatch", "iam", "s3", "sns", "sts"])

P = ParamSpec("P")
_lock = threading.Lock()
_logged: set[str] = set()


class AccessDenied(JsonRESTError):
    """The principal's policies do not allow the call; the message is AWS's."""

    def __init__(self, principal: Principal, access: Access, decision: Decision, code: str) -> None:
        why = (
            "with an explicit deny in an identity-based policy"
            if decision.effect == "Deny"
            else f"because no identity-based policy allows the {access.action} action"
        )
        super().__init__(
            code,
            f"User: {principal.arn} is not authorized to perform: {access.action} on resource: "
            f"{access.resource} {why}",
        )
        self.code = 403 if code == "AccessDenied" else 400


def is_on() -> bool:
    """Whether this embedded AWS enforces policies."""
    return settings.current().enforce_iam


def log_path() -> Path:
    return settings.current().data_dir / "iam" / "access.jsonl"


def begin() -> None:
    """Go on with the log that is there; nothing is there when policies are not enforced."""
    _logged.clear()
    if is_on():
        log_path().parent.mkdir(exist_ok=True)
        log_path().touch()
        _logged.update(log_path().read_text(encoding="utf-8").splitlines())


def check_request(service: str, environ: dict[str, Any]) -> None:
    """Decide about a request, and note who makes it for `require`.

    Args:
        service: Moto's name of the service.
        environ: Of the request, whose body can still be read afterwards.

    Raises:
        AccessDenied: The caller's policies do not allow it.
        NotSupported: It cannot be decided.
    """
    request = Request(environ)
    principal = identify(request.headers, request.args)
    caller.set(principal)
    if principal is None or not principal.is_restricted:
        return
    name = SERVICE_NAMES.get(service, service)
    operation, given = _parsed(name, request, environ)
    accesses = needs(name, operation, given, _region(request))
    if accesses is None:
        _refuse(principal, name, operation)
    check(principal, accesses or [], "AccessDenied" if service in XML_SERVICES else "")


def require(needs: Callable[P, Iterable[Access]], *arguments: P.args, **more: P.kwargs) -> None:
    """Decide about what the present call does beyond its own operation, such as Athena's reading.

    Args:
        needs: Says which accesses that are; called for restricted principals only.
        arguments: Its arguments.
        more: Those by name.

    Raises:
        AccessDenied: The caller's policies do not allow it.
    """
    principal = caller.get()
    if principal is not None and principal.is_restricted:
        check(principal, needs(*arguments, **more))


def check(principal: Principal, accesses: Iterable[Access], code: str = "") -> None:
    """Decide about accesses, and log them.

    Raises:
        AccessDenied: One of them is not allowed.
    """
    for access in with_keys(accesses):
        decision = decide(principal.policies, access)
        log(principal, access, decision)
        if not decision.allows:
            raise AccessDenied(principal, access, decision, code or "AccessDeniedException")


def allows(principal: Principal, accesses: Iterable[Access]) -> bool:
    """Whether all accesses are allowed; for what AWS leaves out in silence when they are not."""
    try:
        check(principal, accesses)
    except AccessDenied:
        return False
    return True


def answer_file_system(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The WSGI application behind `PATH`: 200, or 403 with the reason."""
    request = Request(environ)
    try:
        principal = identify(request.headers, {})
        if principal is not None and principal.is_restricted:
            check(principal, hadoop.needs(**request.form.to_dict()))
        answer = Response("")
    except JsonRESTError as refusal:
        status = 403 if isinstance(refusal, AccessDenied) else refusal.code
        answer = Response(refusal.message, status=status)
    body: Iterable[bytes] = answer(environ, start_response)
    return body


def log(principal: Principal, access: Access, decision: Decision) -> None:
    line = json.dumps(
        {
            "principal": principal.arn,
            "action": access.action,
            "resource": access.resource,
            "context": dict(access.context),
            "decision": decision.effect or "no statement",
            "statements": decision.sids,
        }
    )
    with _lock:
        if line not in _logged:
            _logged.add(line)
            with log_path().open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


def _refuse(principal: Principal, service: str, operation: str) -> None:
    """Refuse an operation whose needs are not known: denied for sure, or by name.

    Raises:
        AccessDenied: No policy allows an action of this name on anything.
        NotSupported: One does.
    """
    access = Access(f"{service}:{operation}", "*")
    statements = [each for policy in principal.policies for each in policy]
    if any(each.names(access.action) and each.effect == "Allow" for each in statements):
        raise NotSupported(f"deciding about {access.action} by policies")
    code = "AccessDenied" if service in XML_SERVICES else ""
    check(principal, [access], code)


def _parsed(
    service: str, request: Request, environ: dict[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """Name and parameters of the operation that a request calls."""
    body = _body(service, environ)
    request = Request({**environ, "wsgi.input": BytesIO(body)})
    model = get_service_model(service)
    try:
        operation, in_path = get_service_router(service).match(request)
    except NotFound:
        raise NotSupported(
            f"deciding about {request.method} {request.path} of {service} by policies"
        ) from None
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)]
    given: Mapping[str, Any] = parser(operation).parse(
        {
            "method": request.method,
            "values": request.args if service == "s3" else request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": in_path,
        }
    )
    return str(operation.name), {**in_path, **given}


def _body(service: str, environ: dict[str, Any]) -> bytes:
    """The body, left to be read again; of an upload nothing, which can be large."""
    if service == "s3" and not re.search(r"(^|&)delete(=|&|$)", environ["QUERY_STRING"]):
        return b""
    body = bytes(environ["wsgi.input"].read())
    environ["wsgi.input"] = BytesIO(body)
    return body


def _region(request: Request) -> str:
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].split("/")
    return scope[2] if len(scope) > 2 else settings.DEFAULT_REGION
