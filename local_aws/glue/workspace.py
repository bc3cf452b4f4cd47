"""The folder of a job run: its script, Spark's settings for it, and its output."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from local_aws import processes, settings
from local_aws.glue.arguments import RunArguments
from local_aws.glue.bookmarks import bookmark_file
from local_aws.glue.job import JobRun
from local_aws.glue.spark import spark_conf
from local_aws.iam import file_system
from local_aws.iam.sessions import RoleSession
from local_aws.java import java_home

RUNTIME = Path(__file__).parent.parent / "runtime"

# Quiet enough to read a run's log: the script's own output, and what Spark has to complain about.
_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.glue.name = GlueLogger
logger.glue.level = info
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.metrics.name = org.apache.hadoop.metrics2.impl.MetricsConfig
logger.metrics.level = error
"""


class ScriptNotFound(Exception):
    """The job's ScriptLocation names no object."""


class Workspace:
    """Everything on disk that one run needs or leaves.

    Attributes:
        folder: `<data_dir>/glue/runs/<run id>`.
    """

    def __init__(self, run: JobRun, session: RoleSession) -> None:
        self.folder = settings.current().data_dir / "glue" / "runs" / run.job_run_id
        self._run = run
        self._session = session
        self.stdout = self.folder / "stdout.log"
        self.stderr = self.folder / "stderr.log"
        self._error = self.folder / "error"
        self._temporary = self.folder / "tmp"
        self._spark = self.folder / "spark.properties"
        self._logging = self.folder / "log4j2.properties"

    def prepare(self, arguments: RunArguments) -> list[str]:
        """Fill the folder.

        Returns:
            The command that executes the run.

        Raises:
            ScriptNotFound: There is no script.
        """
        self._temporary.mkdir(parents=True)
        self._spark.write_text(_properties(self._spark_conf(arguments)))
        self._logging.write_text(_LOGGING)
        script = self.folder / "script.py"
        self._download(self._run.settings["Command"]["ScriptLocation"], script)
        run = self._run
        own = {"JOB_NAME": run.job_name, "JOB_ID": run.job_id, "JOB_RUN_ID": run.job_run_id}
        ids = [part for name, value in own.items() for part in (f"--{name}", value)]
        return [sys.executable, str(RUNTIME / "run_script.py"), str(script), *ids, *arguments.argv]

    def env(self) -> dict[str, str]:
        """The environment of the run's process: an AWS machine's, in UTC."""
        return processes.child_env(
            self._run.region,
            TZ="UTC",
            TMPDIR=str(self._temporary),
            JAVA_HOME=str(java_home()),
            PYTHONPATH=str(RUNTIME),
            PYTHONUNBUFFERED="1",
            PYTHONDONTWRITEBYTECODE="1",
            PYSPARK_PYTHON=sys.executable,
            # Not by SPARK_CONF_DIR: it is part of the class path that `archive` was made for.
            PYSPARK_SUBMIT_ARGS=shlex.join(
                ["--properties-file", str(self._spark), "pyspark-shell"]
            ),
            SPARK_LOCAL_DIRS=str(self._temporary),
            SPARK_LOCAL_IP=settings.HOST,
            LOCAL_AWS_BOOKMARK_FILE=str(bookmark_file(self._run.job_id)),
            LOCAL_AWS_ERROR_FILE=str(self._error),
            LOCAL_AWS_BOOKMARK_ATTEMPT=str(self._run.bookmark_attempt),
            LOCAL_AWS_JOB_RUN_ID=self._run.job_run_id,
            **self._session.environment(),
            **file_system.environment(),
            **self._bookmark_range(),
        )

    def _bookmark_range(self) -> dict[str, str]:
        if self._run.bookmark_range is None:
            return {}
        first, last = self._run.bookmark_range
        return {"LOCAL_AWS_BOOKMARK_FROM": first or "", "LOCAL_AWS_BOOKMARK_TO": last or ""}

    def error_message(self, exit_code: int) -> str:
        """Why the script failed: its exception, or the exit code when it left none."""
        if self._error.exists():
            return self._error.read_text()
        return f"Command failed with exit code {exit_code}"

    def clean_up(self) -> None:
        """Delete what Spark leaves in its temporary folders. Script and logs stay."""
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _spark_conf(self, arguments: RunArguments) -> dict[str, str]:
        s3_dir = settings.current().s3_dir
        conf = spark_conf(s3_dir, [bucket.name for bucket in s3_dir.iterdir() if bucket.is_dir()])
        conf["spark.driver.extraJavaOptions"] += (
            f' "-Djava.io.tmpdir={self._temporary}"'
            f" -Dlog4j2.configurationFile={self._logging.as_uri()}"
        )
        return {**conf, **file_system.spark_conf(self._session), **arguments.conf}

    def _download(self, location: str, target: Path) -> None:
        source = settings.current().s3_dir / location.removeprefix("s3://")
        try:
            shutil.copyfile(source, target)
        except OSError:
            raise ScriptNotFound(
                f"The script {location} does not exist: upload it, or correct the job's "
                "ScriptLocation"
            ) from None


def _properties(conf: Mapping[str, str]) -> str:
    """A Java properties file. In it a backslash escapes, also in a value."""
    return "".join(f"{key} {_escaped(value)}\n" for key, value in conf.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")
