"""Locks on moto's records, which are plain dicts, one per service.

The dispatcher holds a service's lock while it answers a request, and whatever changes the records
of a service from a thread of its own holds it too. Whoever holds several takes them in the order
glue, events, sns, logs, iam, sts.
"""

from __future__ import annotations

import threading
from collections import defaultdict

_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
_creating = threading.Lock()


def of(service: str) -> threading.RLock:
    """The lock of a service, by moto's name for it."""
    with _creating:
        return _locks[service]
