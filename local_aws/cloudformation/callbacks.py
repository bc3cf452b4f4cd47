"""Where custom resources send their answers: the ``ResponseURL`` of CloudFormation.

On AWS that is a presigned S3 address that takes one PUT; here it is an address of this server.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from werkzeug.wrappers import Request, Response

from local_aws import settings

PATH = "/_cloudformation-response/"  # no bucket can have that name
MAX_BYTES = 4096

_waiting: dict[str, Future[dict[str, Any]]] = {}
_lock = threading.Lock()


class Callback:
    """One address that takes one answer."""

    def __init__(self) -> None:
        self._token = uuid.uuid4().hex
        self._answer: Future[dict[str, Any]] = Future()
        with _lock:
            _waiting[self._token] = self._answer

    @property
    def url(self) -> str:
        """The ResponseURL to hand out."""
        return f"{settings.current().endpoint_url}{PATH}{self._token}"

    def take(self) -> dict[str, Any] | None:
        """The answer, or None when none has come; later ones are refused from now on."""
        with _lock:
            _waiting.pop(self._token, None)
        return self._answer.result() if self._answer.done() else None


def receive(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The WSGI application behind `PATH`."""
    request = Request(environ)
    status = _deliver(request.path.removeprefix(PATH), request.get_data())
    return Response(status=status)(environ, start_response)


def _deliver(token: str, body: bytes) -> int:
    with _lock:
        answer = _waiting.pop(token, None)
    if answer is None:
        return 403
    answer.set_result(_parsed(body))
    return 200


def _parsed(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        return _failed(f"Response object is too long: {len(body)} bytes, at most {MAX_BYTES}.")
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("Status") not in ("SUCCESS", "FAILED"):
        return _failed(f"Invalid response: {body[:200]!r} has no Status SUCCESS or FAILED.")
    return document


def _failed(reason: str) -> dict[str, Any]:
    return {"Status": "FAILED", "Reason": reason}
