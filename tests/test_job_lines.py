"""What becomes of one line: each case goes through the job's own steps and through the oracle."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import oracle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import NOON, event, purchase
from pyspark.sql import SparkSession

from glue_jobs import capstone_etl as etl

SOURCE_PATH = "s3://shop/events/"
KEY = NOON.strftime(
    "events/year=%Y/month=%m/day=%d/hour=%H/minute=%M/events-%Y%m%d-%H%M%S.jsonl.gz"
)
OPTIONS = etl.Options(SOURCE_PATH, "bronze_x", "silver_x", "gold_x", "us-west-2")

CORRUPT = [
    "not json",
    "[1, 2]",
    '"text"',
    "5",
    "null",
    f"[{event()}]",
    f"{event()} trailing",
    f"{event()}{event(user_id='u2')}",
    f"{event()},{event(user_id='u2')}",
    f"{event(user_id='a}b')}{event()}",
    event()[:-1],
    event() + "}",
    "{'user_id': 'single quotes'}",
    '{"price": NaN}',
    '{"user_id": "tab\tinside"}',
    '{"user_id": "u", }',
    "\ufeff" + event(),
    f'{event()}],[{{"nonce":"guessed"}}]',
]
ACCEPTED = [
    event(),
    f"  {event()}\t",
    event(user_id="a}b{c"),
    event(user_id={"nested": {"deep": 1}}),
    event(user_id=7, product_id=8),
    event(unknown_field="ignored"),
    event(category="", event_type="search", search_query="shoes"),
    event(event_type="search", search_query="shoes", product_id=None, category=None),
    purchase(quantity="2", price="29.9"),
    purchase(quantity=2.0, price=29.990000000000002),
    purchase(price=0.005),
    purchase(price=-0.001),
    purchase(price=99999999.99, quantity=100000),
    event(timestamp="2026-11-05T12:00:00Z"),
    event(timestamp="2026-11-05T12:00:00"),
    event(timestamp="2026-11-05 12:00:00.123456789Z"),
    event(timestamp="2026-11-05T20:30:00+0830"),
    event(timestamp="2026-11-05T12:00:00-00:00"),
    event(NOON - timedelta(days=30)),
    event(NOON + timedelta(days=1)),
    event(user_id="naïve 😀 ' \" \\ ; drop table events --"),
]
REJECTED = {
    "invalid_timestamp": [
        event(timestamp=None),
        event(timestamp="yesterday"),
        event(timestamp="2026-11-05"),
        event(timestamp="2026-11-05T12:00"),
        event(timestamp="2026-02-30T12:00:00Z"),
        event(timestamp="2026-11-05T24:00:00Z"),
        event(timestamp="2026-11-05T23:59:60Z"),
        event(timestamp="2026-11-05T12:00:00+19:00"),
        event(timestamp="2026-11-05T12:00:00 Europe/Paris"),
        event(timestamp=1762344000),
    ],
    "timestamp_too_old": [event(NOON - timedelta(days=30, microseconds=1))],
    "timestamp_in_future": [event(NOON + timedelta(days=1, microseconds=1))],
    "missing_user_id": [event(user_id=None), event(user_id=""), event(user_id="  ")],
    "missing_session_id": [event(session_id=None), "{}"],
    "unknown_event_type": [
        event(event_type=None),
        event(event_type="PURCHASE"),
        event(event_type=""),
    ],
    "missing_product_id": [event(product_id=None), purchase(product_id="")],
    "missing_category": [event(category=None)],
    "invalid_quantity": [
        purchase(quantity=None),
        purchase(quantity=0),
        purchase(quantity=-1),
        purchase(quantity=1.5),
        purchase(quantity="two"),
        purchase(quantity=2**31),
        event(quantity="some"),
    ],
    "invalid_price": [
        purchase(price=None),
        purchase(price=-0.01),
        purchase(price="free"),
        purchase(price=99999999.995),
        purchase().replace("9.99", "1e400"),
        event(price="5d"),
    ],
    "missing_search_query": [
        event(event_type="search"),
        event(event_type="search", search_query=" "),
    ],
    "revenue_out_of_range": [purchase(price=99999999.99, quantity=2**31 - 1)],
}


def judge(spark: SparkSession, lines: list[str]) -> list[tuple[dict[str, object], set[str]]]:
    """The job's verdict on each line: the typed event, and the reasons against it."""
    frame = spark.createDataFrame(
        [(line, f"s3://shop/{KEY}") for line in lines], "col0 string, source_file string"
    )
    bronze = etl.parsed(etl.lines_of(frame), "a nonce")
    source = bronze.first()["source"]
    files = etl.files_frame(spark, {source: etl.source_of_file(source, SOURCE_PATH)}, OPTIONS)
    judged = etl.judged(etl.typed(bronze.join(files, "source")))
    rejects = etl.quarantined(etl.distinct_events(judged)).collect()
    accepted = [r for r in judged.collect() if r["is_valid"]]
    typed = [
        ({"timestamp": r["event_timestamp"].replace(tzinfo=UTC), **typed_fields(r)}, set())
        for r in accepted
    ]
    return typed + [({}, set(reject["reasons"])) for reject in rejects]


def typed_fields(row: object) -> dict[str, object]:
    fields = {name: row[name] for name in etl.RAW_FIELDS[1:]}
    return fields | {"quantity": row["units"], "price": row["amount"]}


def verdicts(lines: list[str]) -> list[tuple[dict[str, object], set[str]]]:
    return [oracle.judge(line, NOON, 30, 1) for line in lines]


def normalised(judgements: list[tuple[dict[str, object], set[str]]]) -> list[str]:
    """Judgements in an order of their own; of a rejected line only the reasons count."""
    return sorted(
        json.dumps([{} if reasons else event, sorted(reasons)], default=str, sort_keys=True)
        for event, reasons in judgements
    )


def test_lines_that_are_not_one_json_object_are_corrupt(spark: SparkSession) -> None:
    assert [reasons for _, reasons in judge(spark, CORRUPT)] == [{"not_a_json_object"}] * len(
        CORRUPT
    )
    assert normalised(verdicts(CORRUPT)) == normalised([({}, {"not_a_json_object"})] * len(CORRUPT))


def test_a_corrupt_line_is_kept_whole(spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [(line, f"s3://shop/{KEY}") for line in CORRUPT], "col0 string, source_file string"
    )
    bronze = etl.parsed(etl.lines_of(frame), "a nonce")
    assert [row["corrupt_record"] for row in bronze.collect()] == CORRUPT


def test_valid_lines_are_typed_as_the_oracle_types_them(spark: SparkSession) -> None:
    found = judge(spark, ACCEPTED)
    assert not [reasons for _, reasons in found if reasons]
    assert normalised(found) == normalised(verdicts(ACCEPTED))


def test_every_rule_rejects_what_it_names(spark: SparkSession) -> None:
    lines = [line for cases in REJECTED.values() for line in cases]
    assert normalised(judge(spark, lines)) == normalised(verdicts(lines))
    for reason, cases in REJECTED.items():
        for line in cases:
            assert reason in oracle.judge(line, NOON, 30, 1)[1], (reason, line)


def test_every_reason_that_applies_is_given(spark: SparkSession) -> None:
    line = purchase(timestamp="never", user_id="", quantity=0, price=-1)
    expected = {"invalid_timestamp", "missing_user_id", "invalid_quantity", "invalid_price"}
    assert judge(spark, [line])[0][1] == expected


def test_blank_lines_are_no_lines(spark: SparkSession) -> None:
    lines = ["", "   ", "\t", "\r", event()]
    assert len(judge(spark, lines)) == 1


def test_a_separator_inside_a_line_is_put_back(spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [('{"user_id":"a', 'b"}', "f"), ("{}", None, "f")],
        "col0 string, col1 string, source_file string",
    )
    assert [r["line"] for r in etl.lines_of(frame).collect()] == ['{"user_id":"a\u0001b"}', "{}"]


def test_unknown_reader_columns_stop_the_run_by_name(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("x", "f")], "value string, source_file string")
    with pytest.raises(etl.SourceError, match="'value', 'source_file'.*expected col0"):
        etl.lines_of(frame)


@pytest.mark.parametrize(
    ("source", "when"),
    [
        ("events-20261105-120003.jsonl.gz", datetime(2026, 11, 5, 12, 0, 3, tzinfo=UTC)),
        (
            "events/year=2026/month=11/day=05/hour=12/minute=05/x.gz",
            datetime(2026, 11, 5, 12, 5, tzinfo=UTC),
        ),
        ("events/year=2026/month=11/day=05/hour=12/x.gz", datetime(2026, 11, 5, 12, tzinfo=UTC)),
        ("events/resent/events-20261105-120000-again.jsonl.gz", NOON),
        ("events/year=2026/month=13/day=05/hour=12/x.gz", None),
        ("events/x.gz", None),
    ],
)
def test_a_source_says_when_it_was_written(source: str, when: datetime | None) -> None:
    assert etl.source_time(source) == when


def test_null_fields_do_not_make_different_events_equal(spark: SparkSession) -> None:
    fields = ("user_id", "session_id", "event_type", "product_id", "category", "search_query")
    rows = [("a", None), (None, "a"), ("a1:", None), ("a", "1:"), ("", None), (None, None)]
    frame = spark.createDataFrame(rows, "product_id string, search_query string").selectExpr(
        "timestamp'2026-11-05' as event_timestamp",
        *(
            f"cast(null as string) as {name}"
            for name in fields
            if name not in ("product_id", "search_query")
        ),
        "product_id",
        "search_query",
        "cast(null as int) as quantity",
        "cast(null as decimal(10,2)) as price",
    )
    assert frame.select(etl.event_id()).distinct().count() == len(rows)


json_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(-1e9, 1e9).map(lambda x: round(x, 4)),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    st.sampled_from(["1", "2.50", "-3", "1e2", " 7 ", "2026-11-05T11:59:59Z", "page_view"]),
)
raw_events = st.fixed_dictionaries(
    {"event_type": st.sampled_from([*sorted(oracle.TYPES), "other"])},
    optional={name: json_values for name in etl.RAW_FIELDS if name != "event_type"},
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=st.lists(raw_events.map(json.dumps), min_size=1, max_size=40))
def test_any_json_object_is_judged_as_the_oracle_judges_it(
    spark: SparkSession, lines: list[str]
) -> None:
    assert normalised(judge(spark, lines)) == normalised(verdicts(lines))


def compact(fields: dict[str, object] | None = None, **changed: object) -> str:
    """A line as the shop's generator writes it."""
    ordinary = json.loads(event()) if fields is None else fields
    return json.dumps(ordinary | changed, separators=(",", ":"))


EXTENDED = [
    event(app_version="2.1"),
    compact(app_version="2.1"),
    compact(corrupt_record="x"),
    compact().replace('"search_query"', '"SEARCH_QUERY"'),
    compact().replace('"search_query":null', '"app_version":"2"'),
    compact().replace('"user_id":"u1"', '"user_id":"u1","user_id":"u1"'),
    compact().replace("null}", 'null,"\\u0075ser_id":"u1"}'),
    '{"":null}',
]
NOT_EXTENDED = [
    event(),
    compact(),
    compact(user_id={"app_version": 1}),
    compact(user_id='","app_version":"'),
    compact(quantity='"\\"'),
    compact().replace("user_id", "\\u0075ser_id"),
    "{}",
    '{"app_version": 1',
    '[{"app_version": 1}]',
    compact(app_version="2.1") + "}",
]


def extended(spark: SparkSession, lines: list[str]) -> list[str | None]:
    rows = [(line, f"s3://shop/{KEY}") for line in lines]
    frame = spark.createDataFrame(rows, "line string, source_file string").coalesce(1)
    return [row[0] for row in etl.parsed(frame, "n").select("extended_record").collect()]


def test_a_line_with_more_than_the_nine_fields_is_kept_whole(spark: SparkSession) -> None:
    assert extended(spark, EXTENDED) == EXTENDED
    assert extended(spark, NOT_EXTENDED) == [None] * len(NOT_EXTENDED)


names = st.sampled_from([*etl.RAW_FIELDS, "app_version", "User_id", "user_id ", "", 'a"b', "line"])
texts = st.text(st.sampled_from('"\\,:{}u0052c x\u00e9\U0001f600'), max_size=6)
escaped = names.map(lambda name: name[:-1] + f"\\u{ord(name[-1]):04x}" if name else name)


@st.composite
def written_objects(draw: st.DrawFn) -> str:
    """A JSON object as any writer may write it; mostly the nine fields, in their order."""
    fields = [(json.dumps(name), json.dumps(draw(texts | json_values))) for name in etl.RAW_FIELDS]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(fields)))
        more = (json.dumps(draw(names)), json.dumps(draw(texts | json_values)))
        fields[place : place + draw(st.integers(0, 1))] = [more]
    if draw(st.booleans()):
        place = draw(st.integers(0, len(fields) - 1))
        fields[place] = (f'"{draw(escaped)}"', fields[place][1])
    space = st.sampled_from(["", "", "", " ", "\t"])
    pairs = [f"{name}{draw(space)}:{draw(space)}{value}" for name, value in fields]
    return "{" + f"{draw(space)},".join(pairs) + draw(space) + "}"


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=st.lists(written_objects(), min_size=20, max_size=60))
def test_no_further_field_is_ever_missed(spark: SparkSession, lines: list[str]) -> None:
    assert extended(spark, lines) == [oracle.extended(line) for line in lines]


def test_each_of_many_equal_rejects_is_kept(spark: SparkSession) -> None:
    numbers = {"[]": 2001, '"a"': 1000, "1": 1}
    lines = [line for line, number in numbers.items() for _ in range(number)]
    assert judge(spark, lines) == [({}, {"not_a_json_object"})] * len(lines)


def test_what_is_persisted_stays_so_when_a_statement_names_it(spark: SparkSession) -> None:
    frame = spark.range(3).persist()
    assert etl.sql("select id + 1 as next from {numbers}", numbers=frame).count() == 3
    assert frame.storageLevel.useMemory
    frame.unpersist()


def test_counts_are_there_once_an_action_is_done(spark: SparkSession) -> None:
    counts = etl.Counts()
    counts.of(spark.range(5), rows="count(*)", even="count_if(id % 2 = 0)").collect()
    assert (counts["rows"], counts["even"]) == (5, 3)
