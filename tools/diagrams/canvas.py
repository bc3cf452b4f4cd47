"""A sheet to draw boxes, arrows and texts on, in units of which 1,000 are its width."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path as Line
from matplotlib.textpath import TextPath

from tools.events import INK, PALE

PAPER, MUTED, WHITE = "#ffffff", "#5b6b78", "#ffffff"
ORANGE = "#b3521b"  # the second colour, dark enough for text
BRONZE, SILVER, GOLD = "#f4e4d7", "#e9eef2", "#faf0d2"
POINTER, PANEL = "#fbe6da", "#f6f8f9"
WIDTH = 1000
POINTS = 0.72  # of a unit, on a sheet ten inches wide
PIXELS = 160  # of an inch: 1,600 for the width
TITLE, TEXT, SMALL = 16.5, 14.0, 13.0
# Glyphs are drawn as outlines of matplotlib's own font, so that a reader needs none.
SVG = {"svg.fonttype": "path", "svg.hashsalt": "diagrams", "font.family": "DejaVu Sans"}
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle by its upper left corner, width and height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> float:
        return self.x + self.width / 2

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


def width_of(text: str, size: float = SMALL) -> float:
    """How many units a text takes."""
    return float(TextPath((0, 0), text, size=size).get_extents().width)


class Canvas:
    """An opaque sheet, which reads the same on light and on dark pages.

    Args:
        height: In units; the width is 1,000.
    """

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH / 100, height / 100))
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_xlim(0, WIDTH)
        self.axes.set_ylim(height, 0)
        self.axes.axis("off")
        self._shape(Box(1, 1, WIDTH - 2, height - 2), PAPER, PALE, 14)

    def _shape(
        self, box: Box, fill: str, edge: str, radius: float, width: float = 1.2, line: str = "-"
    ) -> None:
        style = f"round,pad=0,rounding_size={radius}"
        corner = (box.x, box.y)
        patch = FancyBboxPatch(corner, box.width, box.height, boxstyle=style)
        patch.set(facecolor=fill, edgecolor=edge, linewidth=width, linestyle=line)
        self.axes.add_patch(patch)

    def text(
        self,
        at: Point,
        text: str,
        size: float = TEXT,
        color: str = INK,
        weight: str = "normal",
        align: str = "center",
    ) -> None:
        """One line of text, `at` the middle of its small letters."""
        x, y = at
        look = {"fontsize": size * POINTS, "color": color, "weight": weight, "ha": align}
        self.axes.text(x, y + 0.36 * size, text, va="baseline", **look)

    def panel(self, box: Box, title: str, fill: str = PANEL, edge: str = PALE) -> Box:
        """A frame around others, its title in its upper left corner."""
        self._shape(box, fill, edge, 10)
        self.text((box.x + 16, box.y + 20), title, TEXT, INK, "bold", "left")
        return box

    def box(
        self,
        box: Box,
        title: str,
        lines: Sequence[str] = (),
        fill: str = PAPER,
        edge: str = MUTED,
        color: str = INK,
        line: str = "-",
        size: float = TITLE,
    ) -> Box:
        """A box with a title and lines below it, all centred."""
        self._shape(box, fill, edge, 8, line=line)
        step = 20
        top = box.middle - step * len(lines) / 2
        self.text((box.center, top), title, size, color, "bold")
        faint = color if color == WHITE else MUTED
        for number, content in enumerate(lines, 1):
            self.text((box.center, top + step * number + 2), content, SMALL, faint)
        return box

    def arrow(
        self, *points: Point, color: str = MUTED, line: str = "-", width: float = 1.6
    ) -> None:
        """An arrow along straight pieces, its head at the last point."""
        codes = [Line.MOVETO, *[Line.LINETO] * (len(points) - 1)]
        patch = FancyArrowPatch(path=Line(points, codes), arrowstyle="-|>", mutation_scale=12)
        patch.set(color=color, linestyle=line, linewidth=width, joinstyle="round")
        patch.set(capstyle="butt")
        self.axes.add_patch(patch)

    def bar(self, box: Box, fill: str) -> None:
        corner = (box.x, box.y)
        self.axes.add_patch(Rectangle(corner, box.width, box.height, facecolor=fill, linewidth=0))

    def line(self, start: Point, end: Point, color: str = PALE) -> None:
        self.axes.plot(*zip(start, end, strict=True), color=color, linewidth=1)

    def save(self, path: Path) -> None:
        """Write `path` as SVG and, beside it, as PNG, which names the SVG that it is of."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(SVG):
            self.figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
            source = {"Source": hashlib.sha256(path.read_bytes()).hexdigest(), "Software": None}
            picture = path.with_suffix(".png")
            self.figure.savefig(picture, transparent=True, dpi=PIXELS, metadata=source)
