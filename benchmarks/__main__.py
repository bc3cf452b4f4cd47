"""Measure everything, or some chapters, and write the table and the plots.

Each chapter's figures replace those of its last run in benchmarks/results.json; RESULTS.md and the
pictures are made of that file. Ratios are of programs that ran in turn in one session.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks import report
from benchmarks.chapters import CHAPTERS
from benchmarks.workshop import say, workshop


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="chapters:\n"
        + "\n".join(f"  {name:<10}{chapter.__doc__}" for name, chapter in CHAPTERS.items()),
    )
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="default: all of them")
    parser.add_argument("--events", type=int, default=625_000, metavar="N", help="in a full file")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.chapters) - set(CHAPTERS))
    if unknown:
        parser.error(f"no chapter is called {', '.join(unknown)}; there are {', '.join(CHAPTERS)}")
    with workshop() as shop:
        for name in options.chapters or CHAPTERS:
            started = time.monotonic()
            figures = CHAPTERS[name](shop, options.events, options.repeats)
            report.keep(name, figures, events=options.events, repeats=options.repeats)
            say(f"{name}: done in {time.monotonic() - started:.0f} s\n")
    report.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
