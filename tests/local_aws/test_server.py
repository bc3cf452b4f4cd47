from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import processes, server
from local_aws.datadir import DataDir, DataDirError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
Client = Callable[[str], Any]


def local_aws(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local_aws", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False, **options
    )


@contextmanager
def running_up(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "local_aws", "up", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def test_up_serves_until_sigterm_and_env_points_a_shell_at_it(tmp_path: Path) -> None:
    with running_up(tmp_path / "data") as (process, line):
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line
        env = local_aws("env", "--data-dir", str(tmp_path / "data"))
        script = f"{env.stdout}\naws iam get-role --role-name LabRole --query Role.RoleName"
        shell_env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        aws = subprocess.run(
            ["bash", "-c", script], env=shell_env, capture_output=True, text=True, check=False
        )
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)
        errors = process.stderr.read() if process.stderr else ""

    assert (aws.stdout.strip(), aws.stderr) == ('"LabRole"', "")
    assert (code, errors) == (0, "")
    with socket.create_server(("127.0.0.1", int(found[1]))):
        pass  # the port is free again


def test_ctrl_c_ends_it_cleanly_and_env_then_says_how_to_start_one(tmp_path: Path) -> None:
    with running_up(tmp_path / "data") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0

    env = local_aws("env", "--data-dir", str(tmp_path / "data"))

    assert env.returncode == 1
    assert "python -m local_aws up" in env.stderr


def test_a_port_in_use_is_named_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = local_aws("up", "--port", str(port), "--data-dir", str(tmp_path / "data"))

    assert result.returncode == 2
    assert re.fullmatch(rf"Port {port} on 127\.0\.0\.1 is in use\. .*--port.*\n", result.stderr)


def test_a_directory_with_other_peoples_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(DataDirError, match=rf"{tmp_path} holds files .* --data-dir"):
        DataDir(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    directory = DataDir(tmp_path / "data")

    with pytest.raises(DataDirError, match="Another embedded AWS is using"):
        DataDir(tmp_path / "data")
    directory.release()


def test_state_is_kept_unless_a_fresh_start_is_wished_for(tmp_path: Path) -> None:
    for name in ("s3/bucket", "state", "glue/bookmarks", "glue/runs", "lambda"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".local-aws").touch()
    (tmp_path / "notes.txt").write_text("mine")

    DataDir(tmp_path).release()
    kept = {path.name for path in tmp_path.rglob("*")}
    DataDir(tmp_path, fresh=True).release()

    assert kept == {".local-aws", "s3", "bucket", "state", "glue", "bookmarks", "notes.txt"}
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {".local-aws", "s3", "notes.txt"}


@pytest.mark.parametrize(
    ("service", "call"),
    [("dynamodb", "list_tables"), ("ec2", "describe_vpcs"), ("route53", "list_hosted_zones")],
)
def test_services_that_nobody_vouches_for_are_refused_by_name(
    client: Client, service: str, call: str
) -> None:
    with pytest.raises(ClientError, match=rf"does not support the service '{service}'"):
        getattr(client(service), call)()


def test_the_lab_role_is_there_and_the_account_is_ours(client: Client) -> None:
    role = client("iam").get_role(RoleName="LabRole")["Role"]

    services = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
    assert {"glue.amazonaws.com", "lambda.amazonaws.com"} <= set(services)
    assert client("sts").get_caller_identity()["Account"] == "123456789012"


def test_one_process_holds_one_embedded_aws(
    embedded_aws: server.RunningServer, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="stop it first"):
        server.start(tmp_path / "other")

    assert not (tmp_path / "other").exists()


def test_killing_a_child_ends_what_it_started_too(
    embedded_aws: server.RunningServer, tmp_path: Path
) -> None:
    script = "sleep 60 & echo $! > child.pid; trap '' TERM; wait"
    env = processes.child_env("eu-west-1", ANSWER="42")
    child = processes.spawn(["bash", "-c", script], env=env, cwd=tmp_path)
    while not (pid_file := tmp_path / "child.pid").exists() or not pid_file.read_text():
        assert child.poll() is None

    processes.kill(child)

    assert child.returncode is not None
    assert not _alive(int(pid_file.read_text()))


def test_children_get_the_embedded_aws_and_nothing_of_the_users_environment(
    embedded_aws: server.RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")

    env = processes.child_env("eu-west-1", ANSWER="42")

    assert env["AWS_ENDPOINT_URL"] == embedded_aws.endpoint_url
    assert (env["AWS_REGION"], env["ANSWER"]) == ("eu-west-1", "42")
    assert "AWS_PROFILE" not in env


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
