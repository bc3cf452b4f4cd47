"""The embedded AWS as an HTTP server: moto's applications behind one loopback port.

It answers for the services in `SERVICES` and refuses every other one by name, also those that moto
could imitate, because nobody has checked that what they answer is true.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from moto.core.base_backend import BackendDict
from moto.core.exceptions import JsonRESTError
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Response

from local_aws import locks, processes, restored, schedules, settings
from local_aws.cloudformation import callbacks
from local_aws.datadir import DataDir
from local_aws.errors import NotSupported
from local_aws.httpd import Server
from local_aws.iam import enforcement
from local_aws.snapshots import Snapshots

# A stop waits for so long at most until no more connections are taken.
POLL_SECONDS = 0.05
EXTENSIONS = (
    "answers",
    "iam.managed",
    "s3",
    "awslambda",
    "cloudformation",
    "events",
    "events.scheduled",
    "glue",
    "athena",
    "logs",
    "budgets",
    "dataquality",
    "sqs",
)
# By the names that moto has for them.
SERVICES = frozenset(
    [
        "athena",
        "awslambda",
        "budgets",
        "cloudformation",
        "cloudwatch",
        "events",
        "glue",
        "iam",
        "kms",
        "logs",
        "s3",
        "sns",
        "sqs",
        "sts",
    ]
)
# Moto's records are plain dicts. These services never run anything that calls back while they
# answer, so one request at a time is safe; the others guard themselves.
ONE_AT_A_TIME = frozenset(
    ["budgets", "cloudwatch", "events", "glue", "iam", "kms", "logs", "sns", "sts"]
)
READING = frozenset({"GET", "HEAD"})
XML_SERVICES = frozenset(["cloudformation", "cloudwatch", "iam", "s3", "sns", "sts"])

ROLE_NAME = "LabRole"
TRUSTED = ("athena", "cloudformation", "events", "glue", "lambda")

_one_at_a_time = threading.Lock()  # moto's records and the settings belong to the process


@dataclass(frozen=True)
class RunningServer:
    """A running embedded AWS.

    Attributes:
        endpoint_url: What clients take as AWS_ENDPOINT_URL.
    """

    endpoint_url: str
    _server: Server
    _data_dir: DataDir
    _snapshots: Snapshots

    def stop(self) -> None:
        """Stop serving, kill every child process, write all records and free the port."""
        self._server.shutdown()
        schedules.shared.stop()
        processes.kill_all()
        self._server.hang_up()
        self._server.server_close()
        self._snapshots.stop()
        BackendDict.reset()
        self._data_dir.release()
        _one_at_a_time.release()


def start(
    data_dir: Path,
    port: int = 0,
    schedule_interval: float | None = None,
    timeout_minute: float = 60.0,
    *,
    enforce_iam: bool = False,
    fresh: bool = False,
    schedules_fire: bool = True,
) -> RunningServer:
    """Start an embedded AWS in threads of this process, which can hold one at a time.

    Args:
        data_dir: Where it keeps its state, and goes on from what is there.
        port: The loopback port; 0 takes a free one.
        schedule_interval: Seconds between two times that any schedule is due; see `Settings`.
        timeout_minute: Seconds that a minute of a Glue job's Timeout lasts; see `Settings`.
        enforce_iam: Deny what a caller's policies do not allow; see `local_aws.iam.enforcement`.
        fresh: Delete what is in the directory, and begin empty.
        schedules_fire: Whether schedules are ever due.

    Raises:
        local_aws.httpd.PortInUse: The port is taken.
        local_aws.datadir.DataDirError: The directory, or the state in it, cannot be used.
        RuntimeError: This process holds one already.
    """
    if not _one_at_a_time.acquire(blocking=False):
        raise RuntimeError("An embedded AWS already runs in this process; stop it first.")
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(_one_at_a_time.release)
        directory = DataDir(data_dir, fresh)
        on_failure.callback(directory.release)
        snapshots = Snapshots(directory.state, SERVICES)
        server = Server(port, Dispatcher(snapshots.touch))
        on_failure.callback(server.server_close)
        settings.configure(
            settings.Settings(
                directory.path,
                server.port,
                schedule_interval,
                timeout_minute,
                schedules_fire,
                enforce_iam,
            )
        )
        on_failure.callback(BackendDict.reset)
        install_extensions()
        processes.end_orphans()
        processes.accept()
        snapshots.load()
        restored.settle()
        _ensure_lab_role()
        enforcement.begin()
        on_failure.pop_all()
    snapshots.start()
    serve = partial(server.serve_forever, poll_interval=POLL_SECONDS)
    threading.Thread(target=serve, name="local-aws", daemon=True).start()
    endpoint_url = settings.current().endpoint_url
    directory.publish(endpoint_url)
    return RunningServer(endpoint_url, server, directory, snapshots)


def install_extensions() -> None:
    """Make moto's backends execute: every module of `EXTENSIONS` extends its own service."""
    for name in EXTENSIONS:
        importlib.import_module(f"local_aws.{name}").install()


def _ensure_lab_role() -> None:
    backend = iam_backends[settings.ACCOUNT_ID]["aws"]
    if ROLE_NAME in {role.name for role in backend.get_roles()}:
        return
    principals = {"Service": [f"{service}.amazonaws.com" for service in TRUSTED]}
    statement = {"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole"}
    backend.create_role(
        role_name=ROLE_NAME,
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        path="/",
        permissions_boundary=None,
        description="The role that a Learner Lab account starts with.",
        tags=[],
        max_session_duration="3600",
    )
    # What the real one may do is the Academy's business; here it may do everything.
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [everything]}
    backend.put_role_policy(ROLE_NAME, "Everything", json.dumps(document))


class Dispatcher(DomainDispatcherApplication):
    """Moto's dispatcher: refuses unknown services, and answers errors in the caller's format."""

    def __init__(self, answered: Callable[[str], None]) -> None:
        """Take what to call with the name of a service that may have changed."""
        super().__init__(_create_app)
        self._answered_by = answered
        self._locks = {service: locks.of(service) for service in ONE_AT_A_TIME}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(callbacks.PATH):
            return callbacks.receive(environ, start_response)
        if environ["PATH_INFO"] == enforcement.PATH:
            return enforcement.answer_file_system(environ, start_response)
        service, answer = self._answered(environ)
        if service in SERVICES and not (service == "s3" and environ["REQUEST_METHOD"] in READING):
            self._answered_by(service)
        if answer.status_code >= 400 and _speaks_xml(service, environ):
            answer = _as_xml(service, answer)
        body: Iterable[bytes] = answer(environ, start_response)
        return body

    def _answered(self, environ: dict[str, Any]) -> tuple[str, Response]:
        service = ""
        try:
            app = self.get_application(environ)
            service = app.service
            if enforcement.is_on():
                enforcement.check_request(service, environ)
            with self._locks.get(service, contextlib.nullcontext()):
                # Objects are sent while they are read.
                return service, Response.from_app(app, environ, buffered=service != "s3")
        except JsonRESTError as refusal:
            return service, refusal.get_response(environ)
        except NotImplementedError as gap:
            return service, NotSupported(f"this call to {service}: {gap}").get_response(environ)
        except Exception as error:
            traceback.print_exc()
            crash = JsonRESTError("InternalFailure", f"{type(error).__name__}: {error}")
            crash.code = 500
            return service, crash.get_response(environ)


def _create_app(service: Any) -> Any:
    if service not in SERVICES:
        raise NotSupported(f"the service {service!r}", f"It has: {', '.join(sorted(SERVICES))}.")
    app = create_backend_app(service)
    # Flask's debugging, which moto turns on, makes a class for each request that has a body, in a
    # cycle that keeps the body in memory until the collector comes by. Only this of it is wanted:
    app.debug = False
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


def _speaks_xml(service: str, environ: dict[str, Any]) -> bool:
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    scope = environ.get("HTTP_AUTHORIZATION", "")
    refused = any(f"/{name}/aws4_request" in scope for name in ("cloudfront", "route53"))
    return service in XML_SERVICES or form or refused


def _as_xml(service: str, answer: Response) -> Response:
    """Our errors are JSON, and moto's refusals by bucket policy are empty."""
    if answer.is_json:
        error = answer.get_json()
        code, message = error["__type"], error["message"]
    elif service == "s3" and answer.status_code == 403 and not answer.get_data():
        code, message = "AccessDenied", "Access Denied"
    else:
        return answer
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    if service != "s3":
        # EC2's clients look for Errors, those of all other services for Error.
        body = f"<ErrorResponse>{body}<Errors>{body}</Errors></ErrorResponse>"
    return Response(body, status=answer.status_code, mimetype="text/xml")
