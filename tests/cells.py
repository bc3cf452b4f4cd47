"""The notebook's cells, executed here: all of one, or a function of it."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

NOTEBOOK = json.loads(
    (Path(__file__).parents[1] / "build_pipeline.ipynb").read_text(encoding="utf-8")
)
CELLS = {cell["id"]: "".join(cell["source"]) for cell in NOTEBOOK["cells"]}


def execute(*cells: str, names: dict[str, Any] | None = None) -> dict[str, Any]:
    """Execute cells of the notebook, in this process, with names; returns what they are then."""
    names = {} if names is None else names
    for cell in cells:
        exec(compile(CELLS[cell], cell, "exec"), names)  # noqa: S102
    return names


def function(cell: str, name: str, names: dict[str, Any]) -> Any:
    """One function of a cell that also runs the job."""
    (found,) = [
        node
        for node in ast.parse(CELLS[cell]).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    exec(compile(ast.Module([found], []), name, "exec"), names)  # noqa: S102
    return names[name]
