from __future__ import annotations

import hashlib
import json
import pickle
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moto import __version__ as moto_version
from moto.backends import get_backend
from moto.kms.models import Key
from waiting import wait_until

from local_aws import server, settings, snapshots

Client = Callable[[str], Any]
NAME = "sqs.123456789012.us-west-2"


def written(folder: Path, content: Any, **header: Any) -> Path:
    """A file of state with this content, right unless the header says otherwise."""
    state = pickle.dumps(content)
    right = {"format": 1, "moto": moto_version, "modules": snapshots._modules()}
    right["sha256"] = hashlib.sha256(state).hexdigest()
    path = folder / "data" / "state" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(json.dumps({**right, **header}).encode() + b"\n" + state)
    return path


def load(path: Path) -> None:
    snapshots.Snapshots(path.parent, ["sqs"]).load()


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"moto": "4.0.0"}, f"written with moto 4.0.0; this is {moto_version}"),
        ({"sha256": "0" * 64}, "is damaged: its checksum is wrong"),
        ({"format": 0}, "written with moto"),
    ],
)
def test_state_of_another_moto_or_a_damaged_file_is_refused_with_the_remedy(
    tmp_path: Path, header: dict[str, Any], reason: str
) -> None:
    path = written(tmp_path, {}, **header)

    with pytest.raises(snapshots.StateError, match=reason) as refusal:
        load(path)

    assert str(refusal.value).startswith(str(path))
    assert "--fresh" in str(refusal.value)
    assert f"deletes what is in {tmp_path / 'data'})" in str(refusal.value)


def test_state_of_a_class_whose_module_has_changed_is_refused(tmp_path: Path) -> None:
    kept = {"settings": settings.Settings(tmp_path, 1)}
    old = {**snapshots._modules(), "local_aws.settings": "another"}

    with pytest.raises(snapshots.StateError, match="another version of local_aws.settings"):
        load(written(tmp_path / "old", kept, modules=old))


class Hostile:
    def __reduce__(self) -> Any:
        return eval, ("__import__('pathlib').Path('pwned').touch()",)


def test_state_that_would_call_something_is_refused(tmp_path: Path) -> None:
    for name, content in (("eval", Hostile()), ("function", snapshots.dumped)):
        with pytest.raises(snapshots.StateError, match="which is not trusted"):
            load(written(tmp_path / name, {"queues": content}))

    assert not Path("pwned").exists()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {})
    path.write_bytes(b"years of work")

    with pytest.raises(snapshots.StateError, match="is not a file of the embedded AWS's state"):
        load(path)


def restored(record: Any) -> Any:
    """A record after it was written and read."""

    class Backend:
        region_name, account_id = "us-west-2", "123456789012"

    backend: Any = Backend()
    backend.record = record
    return pickle.loads(snapshots.dumped(backend))["record"]  # noqa: S301 - just written


def test_locks_are_new_events_keep_their_state_and_keys_stay_the_same() -> None:
    event = threading.Event()
    event.set()
    lock = threading.RLock()
    with lock:
        locked, happened = restored([lock, event])
    key = Key("", "SIGN_VERIFY", "RSA_2048", "", "123456789012", "us-west-2")
    signature = key.private_key.sign(b"text", "RSASSA_PSS_SHA_256")

    another: list[bool] = []
    thread = threading.Thread(target=lambda: another.append(locked.acquire(blocking=False)))
    thread.start()
    thread.join()
    assert another == [True]
    assert happened.is_set()
    assert restored(key).private_key.verify(b"text", signature, "RSASSA_PSS_SHA_256")


def test_a_record_that_refers_to_a_backend_refers_to_the_living_one() -> None:
    logs = get_backend("logs")["123456789012"]["eu-west-1"]

    assert restored({"logs_backend": logs})["logs_backend"] is logs


@pytest.mark.slow
def test_what_changes_is_written_within_seconds_and_only_then(
    embedded_aws: server.RunningServer, client: Client
) -> None:
    name = f"q-{uuid.uuid4().hex}"
    path = settings.current().data_dir / "state" / NAME
    client("sqs").create_queue(QueueName=name)

    wait_until(lambda: path.is_file() and name.encode() in path.read_bytes(), seconds=20)

    before = path.stat()
    client("sqs").get_queue_url(QueueName=name)
    threading.Event().wait(1.5)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not [left for left in path.parent.iterdir() if left.suffix == ".new"]
