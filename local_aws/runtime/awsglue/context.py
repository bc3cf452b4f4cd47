"""`GlueContext`: reads text files on S3, through bookmarks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from typing import Any
from urllib.parse import quote

from pyspark import SparkContext
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from awsglue._bookmark import S3File
from awsglue._s3 import list_files
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Bookmarks

_FORMAT_OPTIONS = {"separator", "quoteChar", "withHeader", "attachFilename"}
_CONNECTION_OPTIONS = {"paths", "recurse", "isFailFast"}
# Tab and line ends are control characters too, but ones that text is full of.
_CONTROL_CHARACTER = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f]")
_GLOB_CHARACTER = re.compile(r"[{}\[\]*?\\]")


class GlueContext:
    """The entry point of a Glue script.

    Attributes:
        spark_session: The run's Spark session.
        create_dynamic_frame: Has `from_options`.
        bookmarks: Set by `Job.init`; without it every read reads everything.
    """

    def __init__(self, sparkContext: SparkContext) -> None:  # noqa: N803
        self.spark_session = SparkSession(sparkContext)
        self.create_dynamic_frame = DynamicFrameReader(self)
        self.bookmarks: Bookmarks | None = None

    def get_logger(self) -> Any:
        """A logger with `info`, `warn` and `error`, which writes to the run's error log."""
        jvm = self.spark_session.sparkContext._jvm
        assert jvm is not None
        return jvm.org.apache.log4j.LogManager.getLogger("GlueLogger")

    def create_dynamic_frame_from_options(self, *args: Any, **kwargs: Any) -> DynamicFrame:
        """The same as `create_dynamic_frame.from_options`."""
        return self.create_dynamic_frame.from_options(*args, **kwargs)


class DynamicFrameReader:
    """Makes DynamicFrames from S3."""

    def __init__(self, glue_context: GlueContext) -> None:
        self._glue_context = glue_context

    def from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,  # noqa: A002 - AWS's name
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
    ) -> DynamicFrame:
        """The lines of text files on S3; with a bookmark, of those not read before.

        The files are listed now and read when the frame is evaluated. What arrives in between
        belongs to the next run.

        Args:
            connection_type: `s3`.
            connection_options: `paths`, `recurse` (default False), and `isFailFast`: what cannot be
                read fails the run here with or without it, so False is refused.
            format: `csv`.
            format_options: A control character as `separator`, `quoteChar` -1, `withHeader`
                False, and `attachFilename`, the name of a column for the object's URI.
            transformation_ctx: The bookmark's key; empty for none.

        Returns:
            A frame with the column `col0`, one row per line that is not empty. Unlike Glue's, it
            keeps a line that holds the separator whole, instead of cutting it into `col1` etc.

        Raises:
            NotImplementedError: Anything else was asked for.
        """
        connection = dict(connection_options or {})
        options = dict(format_options or {})
        _refuse("connection_type", connection_type, connection_type == "s3")
        _refuse("format", format, format == "csv")
        _check_connection_options(connection)
        _check_format_options(options)
        paths = tuple(connection["paths"])
        listed = list_files(paths, recurse=_is_true(connection.get("recurse", False)))
        bookmarks = self._glue_context.bookmarks
        files = bookmarks.unread(transformation_ctx, paths, listed) if bookmarks else listed
        lines = _lines(self._glue_context.spark_session, files, options.get("attachFilename"))
        return DynamicFrame(lines, transformation_ctx)


def _lines(spark: SparkSession, files: list[S3File], filename_column: str | None) -> DataFrame:
    if not files:
        # The JVM's: createDataFrame imports pandas, and takes half of a run without files.
        return DataFrame(spark._jsparkSession.emptyDataFrame(), spark)
    uris = [file.uri for file in files]
    columns = [F.col("value").alias("col0")]
    if filename_column:
        columns.append(_uri_column(uris).alias(filename_column))
    return reduce(
        DataFrame.unionAll,
        (part.where("value != ''").select(*columns) for part in _text(spark, uris)),
    )


def _text(spark: SparkSession, uris: list[str]) -> Iterator[DataFrame]:
    """Frames that together hold each file's lines once, whatever characters its name has.

    Spark 3.5 takes names with glob characters for patterns; told not to (`__globPaths__`), it
    lists every path once per such name. So each of those is read alone.
    """
    odd = [uri for uri in uris if _GLOB_CHARACTER.search(uri)]
    plain = [uri for uri in uris if not _GLOB_CHARACTER.search(uri)]
    if plain:
        yield spark.read.text(plain)
    for uri in odd:
        yield spark.read.option("__globPaths__", "false").text(uri)


def _uri_column(uris: list[str]) -> Column:
    """The URI of the row's file. Spark knows it in its escaped form."""
    escaped = F.col("_metadata.file_path")
    if all(quote(uri, safe="/:=+,@~!$&'()*;") == uri for uri in uris):
        return escaped
    # url_decode takes "+" for a blank, as in forms; in a path it stands for itself.
    return F.url_decode(F.replace(escaped, F.lit("+"), F.lit("%2B")))


def _check_connection_options(options: dict[str, Any]) -> None:
    for name, value in options.items():
        _refuse(f"connection_options[{name!r}]", value, name in _CONNECTION_OPTIONS)
    fail_fast = options.get("isFailFast", True)
    _refuse("connection_options['isFailFast']", fail_fast, _is_true(fail_fast))
    paths = options.get("paths")
    if not isinstance(paths, list) or not paths:
        raise ValueError(f"connection_options['paths'] is {paths!r}: give a list of s3:// paths")


def _check_format_options(options: dict[str, Any]) -> None:
    for name, value in options.items():
        _refuse(f"format_options[{name!r}]", value, name in _FORMAT_OPTIONS)
    separator = options.get("separator", ",")
    is_control = isinstance(separator, str) and _CONTROL_CHARACTER.fullmatch(separator) is not None
    _refuse("format_options['separator']", separator, is_control)
    quote_char = options.get("quoteChar", '"')
    _refuse("format_options['quoteChar']", quote_char, str(quote_char) == "-1")
    header = options.get("withHeader", False)
    _refuse("format_options['withHeader']", header, not _is_true(header))


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _refuse(what: str, value: Any, supported: bool) -> None:
    if not supported:
        raise NotImplementedError(
            f"{what} = {value!r} is not supported by the embedded AWS's awsglue. It "
            "reads lines: connection_type 's3', format 'csv', separator '\\u0001', quoteChar -1, "
            "withHeader False"
        )
