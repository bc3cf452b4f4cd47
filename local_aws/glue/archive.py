"""An archive of Spark's classes, so that no JVM has to read, verify and link them anew.

Java calls it class data sharing ("Class Data Sharing" in Oracle's "Java Virtual Machine Guide" for
Java 17). A JVM maps the archive if it was made by the same Java with the same class path, and does
without one else. ``python -m local_aws.glue.archive`` makes it, once for each environment.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import pyspark

from local_aws.java import JavaNotFound, java_home

# Why an archive does not fit is nothing that a reader of a run's log can act on.
_QUIET = "-Xlog:disable -Xlog:all=error:stderr"


def java_options() -> str:
    """The options by which a JVM uses the archive; none where there is no archive."""
    base, top = _files()
    if not top.exists():
        return ""
    return f"-XX:SharedArchiveFile={base}:{top} {_QUIET}"


def make() -> Path:
    """Make the archive of the classes that a small job needs, unless it is there.

    Returns:
        The file that holds Spark's classes.

    Raises:
        JavaNotFound: There is no Java.
        OSError, subprocess.SubprocessError: It cannot be made here.
    """
    base, top = _files()
    if top.exists():
        return top
    base.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base.parent) as scratch:
        made = Path(scratch) / top.name
        java = str(java_home() / "bin" / "java")
        dump = [java, f"-XX:SharedArchiveFile={base}", "-Xshare:dump", "-Xlog:disable"]
        subprocess.run(dump, check=True, timeout=300, capture_output=True)
        options = f"-XX:SharedArchiveFile={base} -XX:ArchiveClassesAtExit={made} {_QUIET}"
        arguments = ["--driver-java-options", options, "pyspark-shell"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
        env |= {"JAVA_HOME": str(java_home()), "PYSPARK_SUBMIT_ARGS": shlex.join(arguments)}
        command = [sys.executable, "-m", f"{__package__}.small_job", scratch]
        subprocess.run(command, env=env, check=True, timeout=300, capture_output=True)
        made.replace(top)
    return top


@cache
def _files() -> tuple[Path, Path]:
    """Java's own classes, and Spark's on top of them. In the environment whose Spark it is."""
    java = (java_home() / "bin" / "java").resolve()
    made_for = f"{java}\n{java.stat().st_mtime_ns}\n{pyspark.__version__}\n{pyspark.__file__}"
    key = hashlib.sha256(made_for.encode()).hexdigest()[:16]
    folder = Path(sys.prefix) / "var" / "spark-classes"
    return folder / f"java-{key}.jsa", folder / f"spark-{key}.jsa"


def main() -> int:
    started = time.monotonic()
    try:
        made = make()
    except (JavaNotFound, OSError, subprocess.SubprocessError) as error:
        # Nothing depends on it but how long a JVM takes to start.
        print(f"No archive of Spark's classes: {error}", file=sys.stderr)
        return 0
    print(f"{made}: {made.stat().st_size >> 20} MB, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
