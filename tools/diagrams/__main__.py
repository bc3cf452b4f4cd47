"""Draw the diagrams of the documents: `python -m tools.diagrams` (`make diagrams`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tools import record
from tools.diagrams import architecture, publication, timeline
from tools.diagrams.canvas import Canvas

FOLDER = Path(__file__).parents[2] / "docs" / "images"
DIAGRAMS: dict[str, Callable[[], Canvas]] = {
    "architecture": architecture.draw,
    "write-audit-publish": publication.draw,
    "run-timeline": lambda: timeline.draw(record.load()),
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the diagrams as SVG and PNG.")
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="FOLDER")
    options = parser.parse_args(argv)
    for name, draw in DIAGRAMS.items():
        path = options.output / f"{name}.svg"
        draw().save(path)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
