"""Which Glue runs are: the one whose Spark is installed."""

from __future__ import annotations

from functools import cache
from importlib import metadata

# "Migrating to AWS Glue 5.1" and "... 6.0", Glue developer guide.
SPARK = {"5.1": "3.5.6", "6.0": "4.1.1"}


@cache
def glue_version() -> str:
    """The Glue version that this environment's pyspark is the Spark of.

    Raises:
        RuntimeError: It is of none.
    """
    installed = metadata.version("pyspark")
    for version, spark in SPARK.items():
        if spark == installed:
            return version
    known = ", ".join(f"{spark} (Glue {version})" for version, spark in SPARK.items())
    raise RuntimeError(
        f"pyspark {installed} is the Spark of no Glue version known here: install one of {known},"
        " as `make install` does"
    )


def needs_vector_module() -> bool:
    """Whether Spark asks the JVM for `jdk.incubator.vector`, without which it does not start.

    Spark 4 does ("Add --add-modules=jdk.incubator.vector to JavaModuleOptions", SPARK-48021).
    """
    return int(SPARK[glue_version()].partition(".")[0]) >= 4
