"""The file system of a run whose role is restricted: it asks before it acts."""

from __future__ import annotations

import importlib.util
import subprocess
import threading
from pathlib import Path

from local_aws import settings
from local_aws.iam import enforcement
from local_aws.iam.sessions import RoleSession
from local_aws.java import java_home

SOURCE = Path(__file__).with_name("AuthorizedS3.java")
CLASS = "local_aws.AuthorizedS3"
# Spark compiles its own generated code with Janino, so that it is there where no JDK is.
COMPILER = "org.codehaus.commons.compiler.samples.CompilerDemo"
COMPILER_JARS = ("janino-*", "commons-compiler-*")
NEEDED_JARS = ("commons-logging-*", "hadoop-client-*", "jsr305-*", "slf4j-api-*")

_lock = threading.Lock()


def spark_conf(session: RoleSession) -> dict[str, str]:
    """More of Spark's configuration for a run in a session; nothing where all is allowed."""
    if not (enforcement.is_on() and session.principal().is_restricted):
        return {}
    return {
        "spark.hadoop.fs.s3.impl": CLASS,
        "spark.driver.extraClassPath": str(compiled()),
    }


def environment() -> dict[str, str]:
    """The variable by which the file system finds whom to ask."""
    return {"LOCAL_AWS_AUTHORIZE_URL": f"{settings.current().endpoint_url}{enforcement.PATH}"}


def compiled() -> Path:
    """The folder of the compiled class, which is made when it is needed first: about a second.

    Raises:
        RuntimeError: It does not compile with this Spark; the message is the compiler's.
    """
    folder = settings.current().data_dir / "iam" / "classes"
    with _lock:
        if not folder.exists():
            folder.mkdir(parents=True)
            _compile(folder)
    return folder


def _compile(folder: Path) -> None:
    command = [str(java_home() / "bin" / "java"), "-XX:TieredStopAtLevel=1"]
    command += ["-cp", _jars(COMPILER_JARS), COMPILER]
    command += ["-d", str(folder), "-classpath", _jars(NEEDED_JARS), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True)
    # The compiler says what is wrong, but not by its exit code.
    if not list(folder.rglob("*.class")):
        raise RuntimeError(f"{SOURCE.name} does not compile: {done.stdout}{done.stderr}")


def _jars(patterns: tuple[str, ...]) -> str:
    spark = importlib.util.find_spec("pyspark")  # importing it would take a second
    assert spark is not None
    assert spark.origin is not None
    folder = Path(spark.origin).parent / "jars"
    return ":".join(str(jar) for each in patterns for jar in sorted(folder.glob(f"{each}.jar")))
