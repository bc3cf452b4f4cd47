"""What the pages tell a reader to run, for tests that run it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
STEP = re.compile(r"<!-- step: (\S+) -->\n```bash\n(.*?)```", re.DOTALL)
QUERY = re.compile(r"<!-- query: (.+?) -->\n```sql\n(.*?);\n```", re.DOTALL)


def steps(page: str) -> dict[str, str]:
    """The shell commands of a page, by the name of their step, in order."""
    return dict(STEP.findall((ROOT / page).read_text(encoding="utf-8")))


def queries(page: str) -> dict[str, str]:
    """The SQL statements of a page that carry a name, in order."""
    return dict(QUERY.findall((ROOT / page).read_text(encoding="utf-8")))


def inline_commands(page: str) -> list[str]:
    """The AWS CLI commands that a page gives within its text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(
        r"`(aws (?!configure)[a-z][^`]*)`", re.sub(r"```.*?```", "", text, flags=re.S)
    )


def do(command: str) -> str:
    """Run a documented command in a shell."""
    assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    shell = ["bash", "-euo", "pipefail", "-c", command]
    done = subprocess.run(shell, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
