"""Errors that a client of the embedded AWS can meet.

* `moto.core.exceptions.JsonRESTError` / `RESTError` - AWS's own errors, with AWS's codes
* `NotSupported`                                    - this embedded AWS cannot do it; AWS could
"""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError


class NotSupported(JsonRESTError):
    """The embedded AWS refuses, by name, what it does not execute for real."""

    code = 501

    def __init__(self, what: str, remedy: str = "") -> None:
        message = f"The embedded AWS does not support {what}."
        super().__init__("NotSupportedByEmbeddedAws", f"{message} {remedy}".strip())
