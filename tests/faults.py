"""Where the job touches the world, found in its code and seen in its runs, and what breaks there.

An effect is a call that leaves the job's process: an API call of a boto3 client, a write of Spark's
or pyarrow's, the commit of the bookmark. The job's file is the only thing that is known here: sites
of effects are found by reading it (`sites_in`), and by intercepting calls below it (`Effects`), the
innermost frame in that file being the site. No hook is needed in the job.
"""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import botocore.client
import botocore.endpoint
import botocore.httpsession
import botocore.session
import pyarrow.parquet
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from pyspark.sql import readwriter

SPARK_WRITES = ("csv", "insertInto", "jdbc", "json", "orc", "parquet", "save", "saveAsTable")
ARROW_WRITES = ("write_table", "write_to_dataset")
# Writes that no interceptor here sees: a job that begins to use one fails the test that compares
# the sites in its code with those seen in its runs.
OTHER_WRITES = (
    "ParquetWriter",
    "download_file",
    "foreach",
    "foreachPartition",
    "saveAsTextFile",
    "upload_file",
    "upload_fileobj",
    "write_bytes",
    "write_dataset",
    "write_dynamic_frame",
    "write_text",
    "writeTo",
)
# What the bookmarked reader does on the embedded AWS while it is called.
READER = {"from_options": "list_objects_v2"}
# Members of one request that are carried out one by one, so that a crash can come between them.
BATCHES = {
    "batch_create_partition": "PartitionInputList",
    "batch_update_partition": "Entries",
    "batch_delete_partition": "PartitionsToDelete",
    "delete_objects": "Objects",
}


class Killed(BaseException):
    """The process is dead: whatever it attempts from here on does not happen."""


@dataclass(frozen=True, order=True)
class Site:
    """A place in the job's code that has an effect: the function and the operation it calls."""

    function: str
    operation: str

    def __str__(self) -> str:
        return f"{self.operation} in {self.function}"


@dataclass(frozen=True, order=True)
class Effect:
    """One effect of one run: the `number`-th at its site, from 1."""

    site: Site
    number: int


@dataclass(frozen=True, order=True)
class Point:
    """A moment of a run: `before` or `after` an effect, or when half of a batch is done (`torn`).

    What is torn is the first batch of more than one member from that effect's number on.
    """

    effect: Effect
    moment: str

    def __str__(self) -> str:
        return f"{self.moment} {self.effect.site} (no. {self.effect.number})"


# Sites in the code.


def sites_in(source: Path) -> set[Site]:
    """Every site of an effect that a Python file has, by its syntax tree.

    Raises:
        ValueError: Two calls of one function cannot be told apart, or a client's service or a
            paginator's operation is not written as a literal.
    """
    finder = _Finder(ast.parse(source.read_text(encoding="utf-8")))
    doubled = [str(site) for site, count in Counter(finder.found).items() if count > 1]
    if doubled:
        raise ValueError(f"{source.name} has more than one {doubled}: give each its own function")
    return set(finder.found)


class _Finder(ast.NodeVisitor):
    def __init__(self, tree: ast.Module) -> None:
        self.found: list[Site] = []
        self._names: list[str] = []
        self._paginated: str | None = None
        self._operations = {
            operation
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and _called(node) in ("client", "resource")
            for operation in operations_of(_literal(node))
        }
        self.visit(tree)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802
        self._enter(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802
        calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
        paginators = {_literal(one) for one in calls if _called(one) == "get_paginator"}
        outer, self._paginated = self._paginated, "|".join(sorted(paginators))
        self._enter(node)
        self._paginated = outer

    def _enter(self, node: ast.ClassDef | ast.FunctionDef) -> None:
        self._names.append(node.name)
        self.generic_visit(node)
        self._names.pop()

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        operation = self._operation(node)
        if operation:
            self.found.append(Site(".".join(self._names), operation))
        self.generic_visit(node)

    def _operation(self, node: ast.Attribute) -> str | None:
        if node.attr == "paginate":
            return self._paginated
        if node.attr in SPARK_WRITES:
            ways = [name for name in _chain(node) if name in ("read", "write")]
            return None if ways[:1] == ["read"] else node.attr
        if node.attr in {*self._operations, *ARROW_WRITES, *OTHER_WRITES, "commit"}:
            return node.attr
        return READER.get(node.attr)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802
        if node.id == "open":
            self.found.append(Site(".".join(self._names), node.id))


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _literal(node: ast.Call) -> str:
    first = node.args[0] if node.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        raise ValueError(f"line {node.lineno}: {_called(node)} needs a literal name here")
    return first.value


def _chain(node: ast.expr) -> Iterator[str]:
    """The names in a chain of attributes and calls, from its end."""
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute):
            yield node.attr
            node = node.value
        else:
            node = node.func


def operations_of(service: str) -> list[str]:
    """The API calls of a service, in snake case as boto3's clients name them."""
    model = botocore.session.get_session().get_service_model(service)
    return [xform_name(name) for name in model.operation_names]


# Effects of a run.

Request = dict[str, Any]
Perform = Callable[[Request | None], Any]
Handler = Callable[[Effect, Request, Perform], Any]


class Effects:
    """Hands every effect of the job's code to a handler, which performs it or does not.

    Args:
        source: The job's file, as its frames name it.
        handle: Called with the effect, its request, and what performs it: the request, or another
            API request instead.
    """

    def __init__(self, source: str, handle: Handler) -> None:
        self._source = source
        self._handle = handle
        self._lock = threading.Lock()
        self._numbers: Counter[Site] = Counter()

    @contextlib.contextmanager
    def intercepted(self) -> Iterator[None]:
        """Intercept for the length of a `with` block, in all threads."""
        from awsglue.job import Job  # the library of a job run; not on everybody's path

        with contextlib.ExitStack() as patches:
            self._patch(patches, botocore.client.BaseClient, "_make_api_call", self._api_call)
            for name in SPARK_WRITES:
                self._patch(patches, readwriter.DataFrameWriter, name, self._call(name))
            for name in ARROW_WRITES:
                self._patch(patches, pyarrow.parquet, name, self._call(name))
            self._patch(patches, Job, "commit", self._call("commit"))
            yield

    def _patch(
        self, patches: contextlib.ExitStack, owner: Any, name: str, wrap: Callable[[Any], Any]
    ) -> None:
        real = getattr(owner, name)
        setattr(owner, name, wrap(real))
        patches.callback(setattr, owner, name, real)

    def _api_call(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(client: Any, operation: str, request: Request) -> Any:
            def perform(instead: Request | None) -> Any:
                return real(client, operation, request if instead is None else instead)

            return self._through(xform_name(operation), request, perform)

        return call

    def _call(self, name: str) -> Callable[[Any], Any]:
        def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                # Without the first argument, which is the writer.
                request = {"args": args[1:], **kwargs}
                return self._through(name, request, lambda _: real(*args, **kwargs))

            return call

        return wrap

    def _through(self, operation: str, request: Request, perform: Perform) -> Any:
        function = function_of(self._source)
        if function is None:
            return perform(None)
        site = Site(function, operation)
        with self._lock:
            self._numbers[site] += 1
            effect = Effect(site, self._numbers[site])
        return self._handle(effect, request, perform)


def function_of(source: str) -> str | None:
    """The innermost function of a file that the calling thread is in; None if it is in none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename != source:
        frame = frame.f_back
    if frame is None:
        return None
    names = frame.f_code.co_qualname.split(".")
    return ".".join(name for name in names if not name.startswith("<"))


# Handlers.


@dataclass
class Recorder:
    """Performs everything and notes it.

    Attributes:
        done: The effects in the order in which they ended.
    """

    done: list[Effect] = field(default_factory=list)

    def __call__(self, effect: Effect, request: Request, perform: Perform) -> Any:
        answer = perform(None)
        self.done.append(effect)
        return answer


class Death:
    """Kills the run, and lets nothing happen afterwards, in any thread.

    Args:
        when: The point, or how many effects begin before.
        kill: Ends the process; the default raises `Killed` and leaves the process to the test.

    Attributes:
        done: The effects that ended before.
        came: Whether the point was reached.
    """

    def __init__(self, when: Point | int, kill: Callable[[], None] | None = None) -> None:
        self.when = when
        self.done: list[Effect] = []
        self.came = False
        self._kill = kill or self._raise
        self._lock = threading.Lock()
        self._begun = self._under_way = 0
        self._alone = False

    @property
    def counts(self) -> Counter[Site]:
        """How many effects of each site ended."""
        return Counter(effect.site for effect in self.done)

    @property
    def covered(self) -> set[Point]:
        """The points that this death was at: after one effect is before the next."""
        if not self.came or not isinstance(self.when, Point):
            return set()
        is_between = self.when.moment == "before" and self._alone and self.done
        return {self.when, Point(self.done[-1], "after")} if is_between else {self.when}

    def __call__(self, effect: Effect, request: Request, perform: Perform) -> Any:
        with self._lock:
            self._begun += 1
            moment = self._moment(effect, request)
        self._live_or_die(moment == "before")
        with self._lock:
            self._under_way += 1
        try:
            answer = perform(half(request) if moment == "torn" else None)
        finally:
            with self._lock:
                self._under_way -= 1
        with self._lock:
            if not self.came:
                self.done.append(effect)
        self._live_or_die(moment in ("after", "torn"))
        return answer

    def _moment(self, effect: Effect, request: Request) -> str:
        if not isinstance(self.when, Point):
            return "before" if self._begun > self.when else ""
        meant, moment = self.when.effect, self.when.moment
        if moment == "torn":
            is_it = effect.site == meant.site and effect.number >= meant.number
            return moment if is_it and len(members_of(request)) > 1 else ""
        return moment if effect == meant else ""

    def _live_or_die(self, is_now: bool) -> None:
        with self._lock:
            if is_now:
                self.came, self._alone = True, self._under_way == 0
            dead = self.came
        if dead:
            self._kill()

    def _raise(self) -> None:
        raise Killed(str(self.when))


def members_of(request: Request) -> list[Any]:
    """The members of a batch request."""
    found = [request[name] for name in BATCHES.values() if name in request]
    return list(found[0] if found else request["Delete"]["Objects"])


def half(request: Request) -> Request:
    """A batch request of which the first half gets through."""
    members = members_of(request)
    kept = members[: (len(members) + 1) // 2]
    if "Delete" in request:
        return {**request, "Delete": {**request["Delete"], "Objects": kept}}
    return {**request, **{name: kept for name in BATCHES.values() if name in request}}


def kill_group() -> None:
    """SIGKILL to the whole process group of this process: nothing gets to clean up."""
    os.killpg(os.getpgid(0), signal.SIGKILL)
    threading.Event().wait()


def killing_script(job: Path, point: Point) -> str:
    """A Glue script that runs the job's file as it is, and is killed at a point of it."""
    site = point.effect.site
    return f"""\
import runpy, sys
sys.path.append({str(Path(__file__).parent)!r})
import faults
site = faults.Site({site.function!r}, {site.operation!r})
point = faults.Point(faults.Effect(site, {point.effect.number}), {point.moment!r})
job = {str(job)!r}
with faults.Effects(job, faults.Death(point, faults.kill_group)).intercepted():
    runpy.run_path(job, run_name="__main__")
"""


# Faults of the network, below the client's own retries.


@dataclass
class Network:
    """Loses calls of the job on their way to AWS, or AWS's answers on their way back.

    Args:
        source: The job's file.
        operation: Which API call, in snake case.
        loses: `throttled` (the call is refused) or `unanswered` (done, but the answer is lost).
        times: How many attempts are lost, from the first.
        number: Of which one of the run's calls of this operation, from 1.
    """

    source: str
    operation: str
    loses: str
    times: int = 1
    lost: int = 0

    @contextlib.contextmanager
    def intercepted(self) -> Iterator[None]:
        real, real_time = botocore.httpsession.URLLib3Session.send, botocore.endpoint.time
        network = self

        def send(session: Any, request: Any) -> Any:
            if not network._is_meant(request):
                return real(session, request)
            network.lost += 1
            if network.loses == "throttled":
                return throttled(request)
            real(session, request)
            raise botocore.httpsession.ReadTimeoutError(endpoint_url=request.url)

        botocore.httpsession.URLLib3Session.send = send
        botocore.endpoint.time = Impatience()
        try:
            yield
        finally:
            botocore.httpsession.URLLib3Session.send = real
            botocore.endpoint.time = real_time

    def _is_meant(self, request: Any) -> bool:
        target = request.headers.get("X-Amz-Target", b"")
        name = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        is_meant = xform_name(name) == self.operation if name else False
        return is_meant and self.lost < self.times and function_of(self.source) is not None


class Impatience:
    """A clock for botocore that does not wait between attempts."""

    def sleep(self, seconds: float) -> None:
        pass


def throttled(request: Any) -> AWSResponse:
    """Glue's answer to a caller that calls too often."""
    body = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'
    headers = {"x-amzn-ErrorType": "ThrottlingException"}
    response = AWSResponse(request.url, 400, headers, raw=None)
    response._content = body
    return response
