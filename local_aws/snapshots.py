"""The records of all services on disk, so that an embedded AWS goes on where it was stopped.

Objects and bookmarks are files in any case; everything else moto keeps in memory. Each backend (one
per service and region) is written to a file of its own below ``<data dir>/state``.

What lasts. A stop (Ctrl-C, SIGTERM) writes everything. Whoever is killed (SIGKILL, out of memory)
loses at most what was asked of the services in the last second, and what they did by themselves
(a run's state, log lines, the end of a query) in the last five; it may be more where a file takes
long to write, because at most a twentieth of the time goes into writing. Files are replaced as a
whole, never changed in place, but not forced to the disk: a power cut may lose more, and may leave
a damaged file, which its checksum shows.

What a file is. A pickle behind one line of JSON that says what wrote it. A file of another moto, or
of a class of this package whose module has changed since, is refused by name: reading it could
succeed and mean something else. Unpickling makes instances of moto's and this package's classes and
of a few harmless ones, and calls nothing else.
"""

from __future__ import annotations

import _thread
import copyreg
import functools
import hashlib
import importlib
import io
import json
import os
import pickle
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from moto import __version__ as moto_version
from moto.backends import get_backend
from moto.core.base_backend import BaseBackend
from moto.utilities.utils import PARTITION_NAMES

from local_aws import locks
from local_aws.datadir import DataDirError

INTERVAL_SECONDS = 1.0
PULSE_SECONDS = 5.0
LARGEST_SHARE = 0.05
FORMAT = 1
# Moto fills them when it looks for something everywhere; this account is in none of them.
OTHER_PARTITIONS = frozenset(PARTITION_NAMES) - {"aws"}
# These change by requests only, and are the largest.
WITHOUT_PULSE = frozenset({"iam", "s3"})
TRUSTED_PACKAGES = ("local_aws.", "moto.", "sqlglot.")
TRUSTED_NAMES = frozenset(
    [
        *(("builtins", name) for name in ("bytearray", "complex", "frozenset", "range", "set")),
        *(("builtins", name) for name in ("dict", "list", "object", "str")),
        *(("collections", name) for name in ("OrderedDict", "defaultdict", "deque")),
        ("copyreg", "_reconstructor"),
        *(("datetime", name) for name in ("date", "datetime", "timedelta", "timezone")),
        ("decimal", "Decimal"),
        *((__name__, name) for name in ("event", "private_key", "referred", "unlocked", "weak")),
        *(("pathlib", name) for name in ("Path", "PosixPath")),
        ("re", "_compile"),
        ("requests.structures", "CaseInsensitiveDict"),
        ("sqlglot.serde", "load"),  # which makes expressions
        ("uuid", "UUID"),
    ]
)


class StateError(DataDirError):
    """The state in the data directory cannot be read; the message says why and what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} {reason}. Begin empty with --fresh (which deletes what is in "
            f"{path.parents[1]}), or name another directory with --data-dir."
        )


class Snapshots:
    """Keeps the files below a folder as the backends are.

    Args:
        folder: Where the files are.
        services: The services whose backends are kept, by moto's names.
    """

    def __init__(self, folder: Path, services: Iterable[str]) -> None:
        self._folder = folder
        self._services = frozenset(services)
        self._touched: set[str] = set()
        self._written: dict[Path, bytes] = {}
        self._not_before: defaultdict[str, float] = defaultdict(float)
        self._complained: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="snapshots", daemon=True)

    def load(self) -> None:
        """Put the backends back as the files have them.

        Raises:
            StateError: A file is damaged, or was written by other code.
        """
        for path in sorted(self._folder.glob("*.*")):
            if path.suffix == ".new":  # its writer was killed
                path.unlink()
                continue
            service, account, region = path.name.split(".")
            if service not in self._services:
                raise StateError(path, f"is of the service {service!r}, which there is not here")
            backend = get_backend(service)[account][region]
            backend.__dict__ = _read(path)

    def start(self) -> None:
        """Begin to write what changes."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Write everything and end."""
        self._stopping.set()
        self._thread.join()
        for service in self._services:
            self._write(service)

    def touch(self, service: str) -> None:
        """Note that a service may have changed."""
        self._touched.add(service)

    def _watch(self) -> None:
        pulse = time.monotonic() + PULSE_SECONDS
        while not self._stopping.wait(INTERVAL_SECONDS):
            if time.monotonic() >= pulse:
                pulse = time.monotonic() + PULSE_SECONDS
                self._touched |= self._services - WITHOUT_PULSE
            for service in sorted(self._touched):
                if time.monotonic() >= self._not_before[service]:
                    self._touched.discard(service)
                    self._write_with_care(service)

    def _write_with_care(self, service: str) -> None:
        began = time.monotonic()
        try:
            self._write(service)
        except RuntimeError:  # a backend was made meanwhile
            self._touched.add(service)
        took = time.monotonic() - began
        self._not_before[service] = began + took / LARGEST_SHARE

    def _write(self, service: str) -> None:
        for account, region, backend in list(get_backend(service).iter_backends()):
            if region in OTHER_PARTITIONS:
                continue
            path = self._folder / f"{service}.{account}.{region}"
            try:
                with locks.of(service):
                    state = dumped(backend)
                self._replace(path, state)
            except Exception as error:
                self._complain(path, error)

    def _replace(self, path: Path, state: bytes) -> None:
        digest = hashlib.sha256(state).digest()
        if self._written.get(path) == digest:
            return
        header = {"format": FORMAT, "moto": moto_version, "modules": _modules()}
        first = json.dumps({**header, "sha256": digest.hex()}).encode()
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".new", delete=False) as file:
            file.write(first + b"\n" + state)
        os.replace(file.name, path)
        self._written[path] = digest

    def _complain(self, path: Path, error: Exception) -> None:
        """Say once that a backend cannot be kept; it goes on in memory."""
        if path.name not in self._complained:
            self._complained.add(path.name)
            traceback.print_exception(error)
            print(f"{path.name} cannot be written: it will be lost at the end.", file=sys.stderr)


def dumped(backend: BaseBackend) -> bytes:
    """The pickle of a backend's records.

    C code makes it in one go, so other threads see nothing of it; where a class has a method in
    Python that is called for it, one of them may change a dict that is being read, and it is made
    again.
    """
    for attempt in range(10):
        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = _Reducers(copyreg.dispatch_table, _REDUCERS)
        try:
            pickler.dump(vars(backend))
        except RuntimeError as error:
            if "changed size" not in str(error) and "mutated" not in str(error) or attempt == 9:
                raise
            time.sleep(0.01)
        else:
            break
    return buffer.getvalue()


class _Reducers(dict[type, Callable[[Any], Any]]):
    """How things are pickled that cannot be by themselves, and references to other backends."""

    def __init__(self, *tables: dict[Any, Any]) -> None:
        super().__init__()
        for table in tables:
            self.update(table)

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        if issubclass(kind, BaseBackend):
            return _reference
        if issubclass(kind, get_args(PrivateKeyTypes)):
            return _key_reduced
        raise KeyError(kind)


def _reference(backend: BaseBackend) -> Any:
    service = backend.__module__.split(".")[1]
    return referred, (service, backend.account_id, backend.region_name)


def referred(service: str, account: str, region: str) -> BaseBackend:
    """The backend that another one, or a record of its own, refers to."""
    backend: BaseBackend = get_backend(service)[account][region]
    return backend


def _key_reduced(key: Any) -> Any:
    form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return private_key, (key.private_bytes(*form, serialization.NoEncryption()),)


def private_key(der: bytes) -> PrivateKeyTypes:
    """A key of KMS."""
    return serialization.load_der_private_key(der, password=None)


def weak(items: dict[Any, Any]) -> weakref.WeakValueDictionary[Any, Any]:
    """A dictionary that holds its values as long as others do."""
    return weakref.WeakValueDictionary(items)


def unlocked(kind: str) -> Any:
    """A new lock: nobody holds one of a process that has ended."""
    return _LOCKS[kind]()


def event(is_set: bool) -> threading.Event:
    """A new event in the state of an old one."""
    made = threading.Event()
    if is_set:
        made.set()
    return made


_LOCKS: dict[str, Callable[[], Any]] = {
    "Condition": threading.Condition,
    "Lock": threading.Lock,
    "RLock": threading.RLock,
}
_REDUCERS: dict[Any, Callable[[Any], Any]] = {
    _thread.LockType: lambda _: (unlocked, ("Lock",)),
    _thread.RLock: lambda _: (unlocked, ("RLock",)),
    threading.Condition: lambda _: (unlocked, ("Condition",)),
    weakref.WeakValueDictionary: lambda each: (weak, (dict(each),)),
    threading.Event: lambda each: (event, (each.is_set(),)),
}


def _read(path: Path) -> dict[str, Any]:
    first, _, state = path.read_bytes().partition(b"\n")
    try:
        header = json.loads(first)
        digest = header["sha256"]
    except (ValueError, KeyError, TypeError):
        raise StateError(path, "is not a file of the embedded AWS's state") from None
    if digest != hashlib.sha256(state).hexdigest():
        raise StateError(path, "is damaged: its checksum is wrong")
    if (header["format"], header["moto"]) != (FORMAT, moto_version):
        raise StateError(path, f"was written with moto {header['moto']}; this is {moto_version}")
    loaded: dict[str, Any] = _Unpickler(io.BytesIO(state), path, header["modules"]).load()
    return loaded


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, path: Path, modules: dict[str, str]) -> None:
        super().__init__(file)
        self._path = path
        self._modules = modules

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("local_aws."):
            self._check_unchanged(module)
        found = super().find_class(module, name) if self._may_be_found(module, name) else None
        if (module, name) in TRUSTED_NAMES or isinstance(found, type):
            return found
        raise StateError(self._path, f"has {module}.{name} in it, which is not trusted")

    @staticmethod
    def _may_be_found(module: str, name: str) -> bool:
        own = module.startswith(TRUSTED_PACKAGES) and "." not in name
        return own or (module, name) in TRUSTED_NAMES

    def _check_unchanged(self, module: str) -> None:
        importlib.import_module(module)
        if self._modules.get(module) != _digest(module):
            raise StateError(self._path, f"was written by another version of {module}")


def _modules() -> dict[str, str]:
    """The digest of every module of this package that is loaded."""
    return {name: _digest(name) for name in _own_modules()}


def _own_modules() -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        if name.startswith("local_aws.") and getattr(module, "__file__", None):
            yield name


@functools.cache
def _digest(module: str) -> str:
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return ""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
