"""Job arguments with a meaning to Glue itself ("AWS Glue job parameters", developer guide).

They are either carried out or refused by name. All others belong to the script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from moto.glue.exceptions import InvalidInputException

from local_aws.errors import NotSupported

BOOKMARK_OPTIONS = ("job-bookmark-enable", "job-bookmark-disable", "job-bookmark-pause")

# Reporting only: runs are logged in any case, and no result depends on metrics.
_WITHOUT_EFFECT = {
    "--enable-continuous-cloudwatch-log",
    "--enable-job-insights",
    "--enable-metrics",
    "--enable-observability-metrics",
}
_REFUSED = {
    "--additional-python-modules",
    "--auto-scale-within-microbatch",
    "--class",
    "--continuation-option",
    "--customer-driver-env-vars",
    "--customer-executor-env-vars",
    "--datalake-formats",
    "--executor-cores",
    "--extra-files",
    "--extra-jars",
    "--extra-py-files",
    "--job-insights-byo-rules",
    "--python-modules-installer-option",
    "--python-virtual-env",
    "--scriptLocation",
    "--spark-event-logs-path",
    "--user-jars-first",
    "--write-shuffle-files-to-s3",
    "--write-shuffle-spills-to-s3",
}
_REFUSED_PREFIXES = ("--enable-", "--continuous-log-")
# S3A's region: it has no meaning where objects are files, and Glue 5.1 needs it on AWS.
_IGNORED_CONF = {"spark.hadoop.fs.s3a.endpoint.region"}
_OWN_CONF = re.compile(r"spark\.(master$|hadoop\.fs\.|submit\.|driver\.(host|bindAddress)$)")


@dataclass(frozen=True)
class RunArguments:
    """What a run's arguments come to.

    Attributes:
        argv: The arguments as the script sees them.
        conf: Spark configuration from `--conf`.
        bookmark_range: The runs that `--job-bookmark-from` and `--job-bookmark-to` name, when both
            are given with job-bookmark-pause; the script fails with any other combination.
    """

    argv: tuple[str, ...]
    conf: Mapping[str, str]
    bookmark_range: tuple[str, str] | None = None


def interpret(arguments: Mapping[str, str]) -> RunArguments:
    """Carry out or refuse the arguments of a run.

    Raises:
        NotSupported: One has a meaning to Glue that the embedded AWS does not carry out.
        InvalidInputException: One has a value that Glue does not know either.
    """
    for name, value in arguments.items():
        _check(name, value)
    passed = [(name, value) for name, value in arguments.items() if name != "--conf"]
    argv = tuple(part for name, value in passed for part in (_dashed(name), value))
    return RunArguments(argv, _spark_conf(arguments.get("--conf", "")), _bookmark_range(arguments))


def _check(name: str, value: str) -> None:
    if name == "--job-bookmark-option" and value not in BOOKMARK_OPTIONS:
        raise InvalidInputException(
            "StartJobRun",
            f"--job-bookmark-option is {value!r}: use one of {', '.join(BOOKMARK_OPTIONS)}",
        )
    if name == "--job-language" and value != "python":
        raise NotSupported(f"Glue jobs in {value!r} (--job-language)", "Use python.")
    if name in _WITHOUT_EFFECT or (name.startswith("--enable-") and value == "false"):
        return
    if name in _REFUSED or name.startswith(_REFUSED_PREFIXES):
        raise NotSupported(f"the Glue job argument {name} ({value!r})", "Leave it out.")


def _bookmark_range(arguments: Mapping[str, str]) -> tuple[str, str] | None:
    paused = arguments.get("--job-bookmark-option") == "job-bookmark-pause"
    first, last = (arguments.get(f"--job-bookmark-{end}") for end in ("from", "to"))
    return (first, last) if paused and first and last else None


def _dashed(name: str) -> str:
    return name if name.startswith("--") else f"--{name}"


def _spark_conf(value: str) -> dict[str, str]:
    """The settings in ``a=b --conf c=d``, the form in which Glue takes several."""
    conf = {}
    for setting in re.split(r"\s+--conf\s+", value.strip()) if value.strip() else []:
        key, equals, setting_value = setting.partition("=")
        if not equals or not key.startswith("spark."):
            raise InvalidInputException(
                "StartJobRun", f"--conf holds {setting!r}: use spark.name=value"
            )
        if key in _IGNORED_CONF:
            continue
        if _OWN_CONF.match(key):
            raise NotSupported(f"the Spark setting {key} (--conf)", "Leave it out.")
        conf[key] = setting_value.strip()
    return conf
