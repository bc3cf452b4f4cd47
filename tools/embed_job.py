"""Put the job's script into the notebook: `python -m tools.embed_job` (`make notebook`)."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "build_pipeline.ipynb"
SCRIPT = ROOT / "glue_jobs" / "capstone_etl.py"
MAGIC = f"%%writefile {SCRIPT.relative_to(ROOT).as_posix()}\n"


def with_script(notebook: str, script: str) -> str:
    """The notebook's text with its script cell holding `script`.

    Raises:
        ValueError: The notebook has not exactly one such cell.
    """
    document = json.loads(notebook)
    cells = [c for c in document["cells"] if "".join(c["source"]).startswith(MAGIC)]
    if len(cells) != 1:
        raise ValueError(f"{NOTEBOOK.name} has {len(cells)} cells that begin with {MAGIC!r}")
    cells[0]["source"] = (MAGIC + script).strip("\n").splitlines(keepends=True)
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    before = NOTEBOOK.read_text(encoding="utf-8")
    after = with_script(before, SCRIPT.read_text(encoding="utf-8"))
    if after == before:
        print(f"{NOTEBOOK.name} unchanged")
        return
    NOTEBOOK.write_text(after, encoding="utf-8")
    print(f"{NOTEBOOK.name} updated")


if __name__ == "__main__":
    main()
