"""The job dies, or loses a call, at every point where it touches the world: one run heals it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from faults import (
    BATCHES,
    Death,
    Effect,
    Network,
    Point,
    Recorder,
    Site,
    killing_script,
    sites_in,
)
from job import SOURCE, BookmarkedJob, State, create_glue_job, mixtures, run_glue_job, upload_script
from lab import NOON, Lab, event, purchase

import generate_sample_data

# Reads in Spark's Python workers, which are processes of their own: a run dies without them.
IN_WORKERS = {Site("object_lines", "get_object")}
SITES = sorted(sites_in(SOURCE) - IN_WORKERS)
READS = ("get_", "list_", "batch_get_", "write_table")
CATALOG = sorted(
    {site.operation for site in SITES if "partition" in site.operation} | {"get_tables"}
)


def test_sites_are_found_wherever_the_code_has_them(tmp_path: Path) -> None:
    source = tmp_path / "job.py"
    source.write_text(
        """
class Lake:
    def __init__(self):
        self.s3 = boto3.client("s3")
    def pages(self):
        return [page for page in self.s3.get_paginator("list_objects_v2").paginate()]
    def copy_all(self, keys):
        def copy(key):
            self.s3.copy_object(Key=key)
        pool.map(copy, keys)
        pool.map(self.s3.delete_object, keys)
def write(frame, spark):
    spark.read.schema("a int").parquet("s3://b/p").write.option("a", 1).save("s3://b/q")
    keep = lambda: open("draft")
"""
    )
    assert {str(site) for site in sites_in(source)} == {
        "list_objects_v2 in Lake.pages",
        "copy_object in Lake.copy_all.copy",
        "delete_object in Lake.copy_all",
        "save in write",
        "open in write",
    }


def is_read(site: Site) -> bool:
    return site.operation.startswith(READS)


def the_only(operation: str) -> Site:
    (found,) = [one for one in SITES if one.operation == operation]
    return found


PUBLISH = the_only("batch_create_partition")
MOVE = the_only("batch_update_partition")
WRITE = the_only("parquet")
COMMIT = the_only("commit")
COMMITTED = Effect(COMMIT, 1)


# From file to file: a run reads its events' dates, which would grow with files close together.
STEP = timedelta(hours=3)


class Story:
    """A shop's days, one file after the other, in one lake whose runs die again and again.

    Each chapter brings a file with new events, late ones, one that came before and a broken line,
    and another that is nothing but broken; it mends those of the chapter before, so that each run
    creates, moves and withdraws partitions. Every run sweeps what the run before it replaced.

    Attributes:
        trace: The effects of a run that nothing happened to.
        covered: The points at which a run died and was healed.
    """

    def __init__(self, lab: Lab, bookmark: Path) -> None:
        self.lab = lab
        self.job = BookmarkedJob(lab, bookmark, sweep_after_days=0)
        self.covered: set[Point] = set()
        self.state: State = {}
        self._seen: list[tuple[Death | None, State]] = []
        self._key_of = generate_sample_data.load_generator().object_key
        self._chapter = 0
        self._is_pending = False
        for _ in range(3):
            self.begin()
            self.trace = Recorder()
            self.heal(self.trace)

    def begin(self) -> None:
        """Bring the next file, unless the last one is still to be read."""
        if self._is_pending:
            return
        at = NOON.replace(hour=0) + self._chapter * STEP
        before = at - STEP
        user = {"user_id": f"u{self._chapter}"}
        lines = [
            event(at),
            purchase(at, **user, quantity=2),
            event(at, event_type="search", product_id=None, category=None, search_query="q"),
            event(at - timedelta(days=1), product_id="p2", **user),
            event(before),
            "broken",
        ]
        if self._chapter:
            self.job.put(self._key_of(before), self.lab.files[self._key_of(before)][:-1])
            self.job.put(broken_key(before), [event(before, user_id="mended")])
        self.job.put(self._key_of(at), lines)
        self.job.put(broken_key(at), ["broken"])
        self._chapter += 1
        self._is_pending = True

    def die(self, point: Point) -> Death:
        """A run that dies at a point; a reader looks, before anything heals."""
        self.begin()
        death = self.job.die(Death(point))
        self.look(death)
        if COMMITTED in death.done:
            self._conclude()
        return death

    def die_somewhere(self, site: Site, number: int, moment: str) -> Death:
        """Die at the `number`-th effect of a site, or the last if a run now has fewer."""
        for _ in range(3):
            death = self.die(Point(Effect(site, number), moment))
            if death.came:
                return death
            number = min(number, death.counts[site])
        raise AssertionError(f"no run came to {death.when}")

    def look(self, death: Death | None = None) -> None:
        """A reader looks at what a failed run left; it is compared once that is healed."""
        self._seen.append((death, self.job.state()))

    def heal(self, watch: Recorder | None = None) -> None:
        """One normal run, unless a dead one came to its commit: as if nothing had happened."""
        if self._is_pending:
            self.job.run(watch)
            self._conclude()

    def _conclude(self) -> None:
        self._is_pending = False
        seen, self._seen = self._seen, []
        before, self.state = self.state, self.job.state()
        deaths = [death for death, _ in seen if death]
        what = ", then ".join(str(death.when) for death in deaths)
        for _, state in seen:
            assert mixtures(before, state, self.state) == [], f"seen after: {what}"
        assert self.lab.published() == self.lab.expected(), f"not healed after: {what}"
        self.covered.update(point for death in deaths for point in death.covered)

    def forget(self) -> None:
        """Go on after a test that failed, as if it had not been."""
        self._seen.clear()
        if self._is_pending:
            self.job.run()
            self._is_pending = False
            self.state = self.job.state()


def broken_key(at: datetime) -> str:
    return f"events/again/events-{at:%Y%m%d-%H%M%S}-broken.jsonl.gz"


@pytest.fixture(scope="module")
def whole_story(new_lab: Callable[[], Lab], tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(new_lab(), tmp_path_factory.mktemp("story") / "bookmark.json")


@pytest.fixture
def story(whole_story: Story) -> Iterator[Story]:
    """The story that all tests go on telling; one that fails does not spoil it for the next."""
    yield whole_story
    whole_story.forget()


@pytest.mark.slow
def test_the_effects_in_the_code_are_those_that_its_runs_have(story: Story) -> None:
    assert {effect.site for effect in story.trace.done} == set(SITES)


WRITING = [site for site in SITES if not is_read(site)]


def last(story: Story, site: Site) -> int:
    """The number of a site's last effect in a run."""
    return sum(effect.site == site for effect in story.trace.done)


@pytest.mark.slow
@pytest.mark.parametrize("site", WRITING, ids=str)
def test_a_run_killed_before(site: Site, story: Story) -> None:
    story.die_somewhere(site, 1, "before")
    story.heal()


# After a write that nobody sees yet, the world is as before it.
UNSEEN = ("parquet", "put_object", "put_metric_data", "delete_object", "delete_objects")


@pytest.mark.slow
@pytest.mark.parametrize(
    "site",
    [
        pytest.param(site, marks=[pytest.mark.soak] if site.operation in UNSEEN else [])
        for site in WRITING
    ],
    ids=str,
)
def test_a_run_killed_after(site: Site, story: Story) -> None:
    # What is after one effect and before the next may have been tried as such.
    if Point(Effect(site, last(story, site)), "after") not in story.covered:
        story.die_somewhere(site, last(story, site), "after")
        story.heal()


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("site", [site for site in SITES if site.operation in BATCHES], ids=str)
def test_a_run_killed_amid_a_batch(site: Site, story: Story) -> None:
    """The members of a batch are carried out one by one: half of them are, the others never."""
    if site.operation == "delete_objects":
        # What a run leaves that dies so early is swept in one go, several objects in a batch.
        assert story.die(Point(Effect(WRITE, 4), "after")).came
    assert story.die(Point(Effect(site, 1), "torn")).came
    story.heal()


@pytest.mark.slow
@pytest.mark.soak
def test_a_run_killed_around_a_read(story: Story) -> None:
    """The reads of a run, one run after the other: to the world all of these moments are one."""
    reads = [effect for effect in story.trace.done if is_read(effect.site)]
    covered = set(story.covered)
    for site in dict.fromkeys(effect.site for effect in reads):
        for number, moment in ((last(story, site), "after"), (1, "before")):
            if Point(Effect(site, number), moment) not in covered:
                covered |= story.die_somewhere(site, number, moment).covered
    story.heal()


@pytest.mark.slow
@pytest.mark.parametrize(
    "deaths",
    [
        pytest.param([(PUBLISH, 3, "before"), (PUBLISH, 3, "before")], marks=pytest.mark.soak),
        [(MOVE, 3, "after"), (WRITE, 4, "before"), (COMMIT, 1, "before")],
    ],
    ids=["twice, while publishing", "three times, then at the commit"],
)
def test_a_run_killed_after_a_run_that_was_killed(
    deaths: list[tuple[Site, int, str]], story: Story
) -> None:
    for site, number, moment in deaths:
        assert story.die(Point(Effect(site, number), moment)).came
    story.heal()


@pytest.mark.slow
@pytest.mark.soak
def test_a_catalog_that_throttles_for_good_fails_the_run(story: Story) -> None:
    story.begin()
    for operation in CATALOG:
        network = Network(str(SOURCE), operation, "throttled", times=1000)
        refused = pytest.raises(ClientError, match="ThrottlingException.*max retries")
        with refused as failure, network.intercepted():
            story.job.run()
        assert xform_name(failure.value.operation_name) == operation
        story.look()
    story.heal()


@pytest.mark.slow
@pytest.mark.parametrize("loses", ["throttled", "unanswered"])
def test_a_catalog_call_that_is_lost_once_is_repeated(loses: str, story: Story) -> None:
    networks = [Network(str(SOURCE), operation, loses) for operation in CATALOG]
    story.begin()
    with contextlib.ExitStack() as stack:
        for network in networks:
            stack.enter_context(network.intercepted())
        story.heal()
    assert [network.lost for network in networks] == [1] * len(CATALOG)


class KilledStory(Story):
    """The same with Glue job runs, each killed by SIGKILL of its process group."""

    def __init__(self, lab: Lab, client: Callable[[str], Any], data_dir: Path) -> None:
        create_glue_job(client, lab.outputs)
        self._client = client
        name = lab.outputs["GlueJobName"]
        super().__init__(lab, data_dir / "glue" / "bookmarks" / f"{name}.json")

    def die(self, point: Point) -> Death:
        self.begin()
        death = Death(point)
        upload_script(self._client, self.lab.outputs, killing_script(SOURCE, point))
        run = run_glue_job(self._client, self.lab.outputs, sweep_after_days="0")
        death.came = run.get("ErrorMessage") == "Command failed with exit code -9"
        assert death.came or run["JobRunState"] == "SUCCEEDED", run
        self.look(death)
        if not death.came:
            self._conclude()
        return death


def is_sweep(point: Point) -> bool:
    return point.effect.site.operation in (
        "list_objects_v2",
        "delete_objects",
        "batch_get_partition",
    )


@pytest.mark.slow
@pytest.mark.soak
def test_a_run_killed_for_real_at_any_point(
    new_lab: Callable[[], Lab],
    client: Callable[[str], Any],
    data_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before every effect of a run, and after every one that changes something.

    SOAK_PART=2/4 takes every fourth point from the second on: four parts are all of them.
    """
    part, parts = map(int, os.environ.get("SOAK_PART", "1/1").split("/"))
    story = KilledStory(new_lab(), client, data_dir)
    points = [
        Point(effect, moment)
        for effect in sorted(story.trace.done)
        for moment in ("before", "after")
        if moment == "before" or not is_read(effect.site)
    ][part - 1 :: parts]
    killed = set()
    for number, point in enumerate(points, 1):
        # A run has less to sweep than the recorded one where the run before it had no files; after
        # one that was not killed there is as much again.
        if story.die(point).came or story.die(point).came:
            killed.add(point)
        story.heal()
        with capsys.disabled():
            print(f"\r{len(killed)} of {number} runs of {len(points)} killed", end="", flush=True)
    assert {point.effect.site for point in killed} == {point.effect.site for point in points}
    not_reached = [point for point in points if point not in killed and not is_sweep(point)]
    assert not_reached == []
