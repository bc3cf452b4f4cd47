"""How Spark is set up so that it behaves as a Glue worker on the embedded AWS's store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from local_aws.glue import archive

DEFAULT_DRIVER_MEMORY = "2g"

_FILE_SYSTEM = {
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
    # Raw: the checksumming LocalFileSystem would put .crc files among the objects.
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
}

_LOCAL = {
    "spark.master": "local[*]",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.session.timeZone": "UTC",
    # Objects have no location. Asked for it, Hadoop starts an `ls` for every file that is listed.
    "spark.sql.sources.ignoreDataLocality": "true",
}


def spark_conf(s3_dir: Path, buckets: Iterable[str]) -> dict[str, str]:
    """The Spark configuration under which ``s3://`` paths are the embedded AWS's objects.

    Works for a Glue run's own process and for a session inside a test alike.

    Args:
        s3_dir: Root of the object store (`Settings.s3_dir`).
        buckets: The buckets to mount. A bucket that is not among them cannot be read.
    """
    mounts = {
        f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback": f"{(s3_dir / bucket).as_uri()}/"
        for bucket in buckets
    }
    own = {
        "spark.driver.memory": driver_memory(),
        "spark.driver.extraJavaOptions": " ".join(
            filter(None, ["-Duser.timezone=UTC", archive.java_options(), java_options()])
        ),
    }
    return {**_LOCAL, **_FILE_SYSTEM, **mounts, **own}


def java_options() -> str:
    """More options of a run's JVM: ``LOCAL_AWS_JAVA_OPTIONS``, else the serial collector.

    On the few cores of a laptop the threads of the concurrent one compete with the tasks. The
    metaspace starts at what Spark's classes take, where each growth would be a full collection.
    """
    return os.environ.get("LOCAL_AWS_JAVA_OPTIONS", "-XX:+UseSerialGC -XX:MetaspaceSize=256m")


def driver_memory() -> str:
    """Heap of a run's one JVM: ``LOCAL_AWS_DRIVER_MEMORY``, else 2g."""
    return os.environ.get("LOCAL_AWS_DRIVER_MEMORY", DEFAULT_DRIVER_MEMORY)
