"""The sweep deletes what no partition points to once the grace period is over, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from faults import Death, Effect, Perform, Point, Request, sites_in
from job import SOURCE, BookmarkedJob
from lab import NOON, Lab, event, purchase

import generate_sample_data

pytestmark = pytest.mark.slow

GRACE = timedelta(days=1)


class Sweeper:
    """Handles a run's effects; after each one sweeps what is older than the run."""

    def __init__(self, lab: Lab) -> None:
        self.deleted: list[int] = []
        self._lake = lab.lake(sweep_after_days=GRACE.days)
        self._begun = datetime.now(UTC)
        self._lock = threading.RLock()
        self._is_sweeping = False

    def __call__(self, effect: Effect, request: Request, perform: Perform) -> Any:
        with self._lock:
            answer = perform(None)
            # The sweep is code of the job too: its own effects come here.
            if not self._is_sweeping:
                self._is_sweeping = True
                self.deleted.append(self._lake.sweep(self._begun + GRACE))
                self._is_sweeping = False
            return answer


@pytest.fixture(scope="module")
def job(new_lab: Callable[[], Lab], tmp_path_factory: pytest.TempPathFactory) -> BookmarkedJob:
    """Three files, three runs: one done, one dead before it published, one that read its file."""
    job = BookmarkedJob(new_lab(), tmp_path_factory.mktemp("sweep") / "bookmark.json")
    bring(job)
    job.run()
    bring(job)
    (publish,) = [site for site in sites_in(SOURCE) if site.operation == "batch_create_partition"]
    assert job.die(Death(Point(Effect(publish, 2), "before"))).came
    (write,) = [site for site in sites_in(SOURCE) if site.operation == "parquet"]
    assert job.die(Death(Point(Effect(write, 4), "after"))).came
    job.run()
    return job


def bring(job: BookmarkedJob) -> None:
    at = NOON + timedelta(minutes=5 * len(job.lab.files))
    key = generate_sample_data.load_generator().object_key(at)
    job.put(key, [event(at), purchase(at - timedelta(days=1)), "broken"])


def test_a_sweep_during_a_run_takes_nothing_from_it(job: BookmarkedJob) -> None:
    bring(job)
    sweeper = Sweeper(job.lab)
    job.run(sweeper)
    assert len(sweeper.deleted) > 50
    assert sweeper.deleted[0] > 0
    assert job.lab.published() == job.lab.expected()
    assert job.lab.pointed() <= job.lab.stored()


def test_what_no_partition_points_to_goes_after_the_grace_period(job: BookmarkedJob) -> None:
    before, pointed = job.lab.published(), job.lab.pointed()
    sweeper = job.lab.lake(sweep_after_days=GRACE.days)
    now = datetime.now(UTC)
    assert job.lab.stored() > pointed
    assert sweeper.sweep(now) == 0
    assert sweeper.sweep(now + GRACE) > 0
    assert job.lab.stored() == pointed
    assert job.lab.published() == before == job.lab.expected()
    assert sweeper.sweep(now + GRACE) == 0
