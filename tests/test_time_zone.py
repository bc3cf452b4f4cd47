"""The job says the same wherever the machine that runs it stands."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from lab import NOON, Lab, event

pytestmark = pytest.mark.slow


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is where clocks are nine and a half hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Australia/Darwin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_away")
def test_known_events_are_found_in_any_time_zone(lab: Lab) -> None:
    key = lab.put([event(NOON), event(NOON, user_id="u2")])
    lab.run()
    again = lab.run([key])
    assert (again.new_events, again.duplicates_in_lake) == (0, 2)
    assert lab.published() == lab.expected()
