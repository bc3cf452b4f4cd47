"""Files: a name, the bytes, and how many lines can be read of it; None when it cannot be read."""

from __future__ import annotations

import bz2
import gzip
import json
from dataclasses import dataclass

from corpus.lines import event

FOLDER = "events/year=2026/month=11/day=05/hour=12/minute=00/"


@dataclass(frozen=True)
class File:
    name: str
    body: bytes
    lines: int | None


def text(title: str, lines: int = 3) -> list[bytes]:
    # Different products, so that compressed bytes are many enough to be damaged.
    return [event(title, product_id=f"{title} {number}").encode() for number in range(lines)]


def gz(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def whole(title: str) -> bytes:
    return gz(b"\n".join(text(title)))


def damaged(body: bytes, at: int) -> bytes:
    changed = bytearray(body)
    changed[at] ^= 0xFF
    return bytes(changed)


READABLE = {
    "empty object": File("empty.gz", b"", 0),
    "gzip of nothing": File("nothing.gz", gz(b""), 0),
    "gzip of blank lines": File("blank.gz", gz(b"\n\n  \n\t\r\n"), 0),
    "no final newline": File("no-newline.gz", gz(b"\n".join(text("no final newline"))), 3),
    "final newline": File("newline.gz", gz(b"\n".join(text("final newline")) + b"\n"), 3),
    "blank lines between": File("between.gz", gz(b"\n\n \n".join(text("blank lines"))), 3),
    "CRLF": File("crlf.gz", gz(b"\r\n".join(text("CRLF")) + b"\r\n"), 3),
    "CR": File("cr.gz", gz(b"\r".join(text("CR")) + b"\r"), 3),
    "line ends of all kinds": File("ends.gz", gz(b"\r\n\r".join(text("ends")) + b"\n\r"), 3),
    "byte order mark": File("bom.gz", gz(b"\xef\xbb\xbf" + b"\n".join(text("BOM"))), 3),
    "only a byte order mark": File("only-bom.gz", gz(b"\xef\xbb\xbf"), 0),
    "two gzip members": File("members.gz", whole("member 1") + gz(b"\n") + whole("member 2"), 6),
    "plain text, named as such": File("plain.jsonl", b"\n".join(text("plain file")), 3),
    "plain text without extension": File("plain", b"\n".join(text("no extension")), 3),
    "gzip without its extension": File("gzip.jsonl", gz(b"x"), 1),
    "one corrupt line": File("corrupt.gz", gz(b"corrupt\n" + b"\n".join(text("corrupt"))), 4),
}
HOSTILE_NAMES = {
    f"file name with {what}": File(name, whole(f"file name with {what}"), 3)
    for what, name in {
        "blanks": "a b  c.gz",
        "percent": "a%2Fb%%c%00.gz",
        "equals": "year=1999=.gz",
        "dots": "a..b...gz",
        "a formula": "=cmd()@+1.gz",
        "SQL": "'; drop table events; --.gz",
        "quotes": "\"double\" 'single' `back`.gz",
        "Unicode": "naïve 😀 שלום.gz",
        "braces and brackets": "{a,b}[c]*?.gz",
        "signs": "&+,:;<>|~^#!$().gz",
        "a time that is none": "events-20261399-996060.jsonl.gz",
    }.items()
}
UNREADABLE = {
    "truncated gzip": File("truncated.gz", whole("truncated")[:-20], None),
    "gzip without its trailer": File("trailer.gz", whole("trailer")[:-8], None),
    "gzip cut inside its header": File("header.gz", whole("header")[:5], None),
    "damaged gzip": File("damaged.gz", damaged(whole("damaged"), 40), None),
    "gzip with a wrong checksum": File("checksum.gz", damaged(whole("checksum"), -6), None),
    "gzip with a wrong magic number": File("magic.gz", damaged(whole("magic"), 1), None),
    "gzip and garbage": File("tail.gz", whole("tail") + b"garbage", None),
    "second member truncated": File("member.gz", whole("first") + whole("second")[:-9], None),
    "plain text named gzip": File("text.gz", b"\n".join(text("text")), None),
    "one byte named gzip": File("byte.gz", b"x", None),
    "JSON document named gzip": File("document.gz", json.dumps({}).encode(), None),
    "gzip named bzip2": File("gzip.bz2", whole("bzip2"), None),
    "truncated bzip2": File("truncated.bz2", bz2.compress(b"\n".join(text("bz2")))[:-9], None),
}
