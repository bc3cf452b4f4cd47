"""The AWS CLI without the second that its imports take: `python aws_cli.py SOCKET COMMAND`.

Writes an executable COMMAND that hands its arguments, folder, environment and files to this
process, which runs the CLI's own code on them in a child, and serves until it is killed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

MOST_BYTES = 1 << 20
# What a command reads of its service before it sends anything.
SERVICES = ("athena", "cloudformation", "cloudwatch", "events", "glue", "lambda", "logs", "s3")
MODELS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")

CLIENT = """\
#!{python} -ISE
import json, os, socket, sys
asked = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
connection = socket.socket(socket.AF_UNIX)
connection.connect({path!r})
socket.send_fds(connection, [json.dumps(asked).encode() + b"\\n"], [0, 1, 2])
sys.exit((connection.recv(1) or b"\\xff")[0])
"""


def carry_out(connection: socket.socket, driver: Any) -> NoReturn:
    """Run one command on the caller's files, tell it the exit code, and end this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, files, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(MOST_BYTES)
    asked = json.loads(message)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(asked["folder"])
    own = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}  # set by the CLI as it is imported
    os.environ.clear()
    os.environ.update(asked["environment"] | own)
    code = driver.main(asked["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))
    os._exit(0)


def main(path: str, command: str) -> None:
    from awscli.clidriver import create_clidriver

    driver = create_clidriver()
    loader = driver.session.get_component("data_loader")
    for model in MODELS:
        for service in {*SERVICES} & {*loader.list_available_services(model)}:
            loader.load_service_model(service, model)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    client = Path(command)
    client.write_text(CLIENT.format(python=sys.executable, path=path), encoding="utf-8")
    client.chmod(0o700)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            carry_out(connection, driver)
        connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
