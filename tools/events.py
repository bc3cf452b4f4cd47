"""What the generated events look like, in figures and in one picture: `make events`."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from generate_sample_data import Batches, load_generator

Event = dict[str, Any]

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "events.png"
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
INK, ACCENT, SECOND, PALE = "#22303c", "#1f6f8b", "#e07a3f", "#d9e2e7"
STYLE = {
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": PALE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


def made(start: datetime, files: int, events_per_file: int = 5_000, every: int = 1) -> list[Event]:
    """The events of files that follow each other, or of every so many of them."""
    code = load_generator()
    batches = Batches(files * every, events_per_file, start=start)
    texts = ("".join(batches.batch(end, code).texts()) for end in batches.ends()[::every])
    return [json.loads(line) for text in texts for line in text.splitlines()]


def when(event: Event) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


def window(event: Event) -> float:
    """The number of the five minutes that an event lies in."""
    return when(event).timestamp() // load_generator().WINDOW.total_seconds()


def sessions(events: Iterable[Event]) -> list[list[Event]]:
    """The events of each session, in order of time."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event["session_id"]].append(event)
    return [sorted(of_one, key=lambda event: event["timestamp"]) for of_one in found.values()]


def begun(of_sessions: list[list[Event]]) -> list[list[Event]]:
    """The sessions that cannot have been under way before the first event."""
    longest = timedelta(seconds=load_generator().LONGEST_SESSION)
    since = min(when(events[0]) for events in of_sessions) + longest
    return [events for events in of_sessions if when(events[0]) > since]


def disorder(events: list[Event]) -> list[str]:
    """Steps of a session that no shop would see, such as a purchase of what is in no cart."""
    problems: list[str] = []
    cart: dict[str, tuple[int, float]] = {}
    seen: set[str] = set()
    for event in events:
        product, kind = event["product_id"], event["event_type"]
        goods = event["quantity"], event["price"]
        if kind == "page_view":
            seen.add(product)
        elif kind == "add_to_cart":
            if product not in seen or product in cart:
                problems.append(f"{product} added unseen or twice")
            cart[product] = goods
        elif kind in ("remove_from_cart", "purchase") and cart.pop(product, None) != goods:
            problems.append(f"{kind} of {product} that is not so in the cart")
    return problems


def pauses(of_sessions: Iterable[list[Event]]) -> list[float]:
    """Seconds between two steps of a session."""
    times = ([when(event) for event in events] for events in of_sessions)
    return [(b - a).total_seconds() for each in times for a, b in zip(each, each[1:], strict=False)]


def funnel(events: Iterable[Event]) -> dict[str, tuple[int, int, int]]:
    """(views, carts, purchases) of each category, and of "all"."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        if event["category"]:
            counts[event["category"]][event["event_type"]] += 1
            counts["all"][event["event_type"]] += 1
    kinds = ("page_view", "add_to_cart", "purchase")
    return {name: tuple(count[kind] for kind in kinds) for name, count in counts.items()}  # type: ignore[misc]


def popularity(events: Iterable[Event]) -> list[int]:
    """Views of each product, most viewed first."""
    views = Counter(e["product_id"] for e in events if e["event_type"] == "page_view")
    return sorted(views.values(), reverse=True)


def power_law(views: list[int]) -> tuple[float, float]:
    """(slope, r squared) of the line through log(views) over log(rank + 3): Zipf-Mandelbrot."""
    points = [(math.log(rank + 3), math.log(count)) for rank, count in enumerate(views)]
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    xx = sum((x - mean_x) ** 2 for x, _ in points)
    yy = sum((y - mean_y) ** 2 for _, y in points)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return xy / xx, xy * xy / (xx * yy)


def traffic(start: datetime, events_per_file: int = 5_000) -> list[int]:
    """Events of the first file of each hour of a week."""
    code = load_generator()
    batches = Batches(7 * 288, events_per_file, start=start, traffic=True)
    return [batches.batch(end, code).size for end in batches.ends()[::12]]


def draw_traffic(axes: Any, sizes: list[int]) -> None:
    days = [sizes[day * 24 : day * 24 + 24] for day in range(7)]
    for name, hours in zip(WEEKDAYS, days, strict=True):
        weekend = name in ("Sat", "Sun")
        label = {"Mon": "Monday to Friday", "Sat": "weekend"}.get(name)
        axes.plot(hours, color=SECOND if weekend else ACCENT, alpha=0.8, label=label)
    axes.set_xticks(range(0, 24, 4), [f"{hour:02d}h" for hour in range(0, 24, 4)])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(plt.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend(frameon=False, loc="upper left")
    axes.set_title("Events in five minutes, by hour (UTC) and weekday")


def draw_popularity(axes: Any, views: list[int]) -> None:
    slope, fit = power_law(views)
    ranks = range(1, len(views) + 1)
    scale = views[0] / 3**slope
    axes.loglog(ranks, views, ".", color=ACCENT, label="products")
    law = [scale * (rank + 2) ** slope for rank in ranks]
    axes.loglog(ranks, law, color=SECOND, label=f"(rank + 2)^{slope:.2f}, r² {fit:.2f}")
    axes.set_xlabel("rank")
    axes.legend(frameon=False)
    axes.set_title("Views of each product: a power law")


def draw_funnel(axes: Any, of_categories: dict[str, tuple[int, int, int]]) -> None:
    rates = {name: (c / v, p / c) for name, (v, c, p) in of_categories.items()}
    names = sorted(rates, key=lambda name: (name != "all", rates[name]))
    for column, label, color in ((0, "view to cart", ACCENT), (1, "cart to purchase", SECOND)):
        axes.plot([rates[name][column] for name in names], names, "o", color=color, label=label)
    axes.axvspan(0.05, 0.12, color=ACCENT, alpha=0.1)
    axes.axvspan(0.20, 0.45, color=SECOND, alpha=0.1)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(plt.FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.grid(axis="y", color=PALE)
    axes.set_ylim(top=len(names) + 0.8)
    axes.legend(frameon=False, loc="upper center", ncols=2)
    axes.set_title("Conversion by category; shaded: what shops report")


def draw_sessions(axes: Any, of_sessions: list[list[Event]]) -> None:
    lengths = Counter(min(len(events), 20) for events in of_sessions)
    shares = [lengths[length] / lengths.total() for length in range(1, 21)]
    axes.bar(range(1, 21), shares, color=ACCENT)
    axes.yaxis.set_major_formatter(plt.FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.set_xticks([1, 5, 10, 15, 20], ["1", "5", "10", "15", "20+"])
    seconds = sorted(pauses(of_sessions))
    axes.set_title("Events of a session")
    median = seconds[len(seconds) // 2]
    axes.text(0.97, 0.9, f"median pause {median:.0f} s", transform=axes.transAxes, ha="right")


def draw(path: Path) -> None:
    """Draws traffic, popularity, conversion and sessions into a picture."""
    monday = datetime(2026, 11, 2, tzinfo=UTC)
    day = made(monday, files=48, events_per_file=12_000, every=6)
    evening = sessions(made(monday + timedelta(hours=20), files=6, events_per_file=20_000))
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(2, 2, figsize=(11, 7.6))
        draw_traffic(axes[0, 0], traffic(monday, events_per_file=500_000))
        draw_popularity(axes[0, 1], popularity(day))
        draw_funnel(axes[1, 0], funnel(day))
        draw_sessions(axes[1, 1], begun(evening))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw what the generated events look like.")
    parser.add_argument("--output", type=Path, default=PICTURE, metavar="FILE", help="a PNG")
    options = parser.parse_args(argv)
    draw(options.output)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
