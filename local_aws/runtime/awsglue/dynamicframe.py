"""`DynamicFrame`: what a Glue source returns."""

from __future__ import annotations

from typing import NoReturn

from pyspark.sql import DataFrame


class DynamicFrame:
    """Lines of text files, as far as a job needs to turn them into a `DataFrame`."""

    def __init__(self, frame: DataFrame, name: str) -> None:
        self.name = name
        self._frame = frame

    def toDF(self) -> DataFrame:  # noqa: N802
        """The same records as a Spark frame; without any columns when there was nothing to read."""
        return self._frame

    def count(self) -> int:
        return self._frame.count()

    def printSchema(self) -> None:  # noqa: N802
        self._frame.printSchema()

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"DynamicFrame.{name} is not part of the embedded AWS's awsglue: "
            "call toDF() and use Spark"
        )
