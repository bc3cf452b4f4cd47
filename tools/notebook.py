"""Execute the notebook unattended, and turn what came out into a report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CellExecutionError, ExecutePreprocessor

CELL_SECONDS = 900


def execute(path: Path, folder: Path) -> Any:
    """Execute a notebook with `folder` as its working directory, printing its sections on the way.

    Returns:
        The executed notebook.

    Raises:
        RuntimeError: A cell failed; the message is the cell's own.
    """
    notebook = nbformat.read(path, as_version=4)
    headings = _headings(notebook)

    def announce(cell: Any, cell_index: int) -> None:
        if cell_index in headings:
            print(f"      {headings[cell_index]}", flush=True)

    # The kernel listens on loopback only, and need not warn that it does.
    quiet = ["--IPKernelApp.log_level=40"]
    runner = ExecutePreprocessor(
        extra_arguments=quiet, timeout=CELL_SECONDS, on_cell_start=announce, coalesce_streams=True
    )
    try:
        runner.preprocess(notebook, {"metadata": {"path": str(folder)}})
    except CellExecutionError as error:
        raise RuntimeError(f"{error.ename}: {error.evalue}") from None
    return notebook


def _headings(notebook: Any) -> dict[int, str]:
    """The heading of each markdown cell, by the cell's place."""
    cells = enumerate(notebook.cells)
    titles = {n: c.source.splitlines()[0] for n, c in cells if c.cell_type == "markdown"}
    return {n: title.lstrip("# ") for n, title in titles.items() if title.startswith("#")}


def settle_progress_bars(notebook: Any) -> None:
    """Leave of each line what a terminal would show: the text after its last return."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = re.sub(r"[^\n]*\r", "", output.text)


def write_report(notebook: Any, path: Path) -> None:
    """Write an executed notebook as one HTML file: prose, tables and charts, no code."""
    settle_progress_bars(notebook)
    exporter = HTMLExporter(exclude_input=True, exclude_output_prompt=True)
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": "Shop events"}})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body, encoding="utf-8")
