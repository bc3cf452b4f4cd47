from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from local_aws.glue import archive


def test_without_an_archive_java_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(archive, "_files", lambda: (tmp_path / "java.jsa", tmp_path / "none.jsa"))
    assert archive.java_options() == ""


def test_a_session_takes_its_classes_from_the_archive(spark: SparkSession) -> None:
    if not archive.java_options():
        pytest.skip("this environment has no archive: python -m local_aws.glue.archive makes it")
    jvm = spark.sparkContext._jvm
    assert jvm
    maps = Path(f"/proc/{jvm.java.lang.ProcessHandle.current().pid()}/maps")
    if not maps.exists():
        pytest.skip("this system does not tell what a process has mapped")
    assert str(archive._files()[1]) in maps.read_text(encoding="utf-8")
