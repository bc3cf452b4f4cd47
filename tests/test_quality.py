"""Rules of data quality: what they are, and that they are judged by footers as by every row."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cells import function
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import NOON, Lab, event, purchase
from template_schemas import ROOT, table_columns

from glue_jobs import capstone_etl as etl
from local_aws import dataquality


def footer(table: pa.Table, **options: Any) -> pq.FileMetaData:
    """The footer of a table that is written as a Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return pq.read_metadata(io.BytesIO(file.getvalue()))


def rule(text: str) -> etl.Rule:
    (found,) = etl.rules_in(f"Rules = [ {text} ]")
    return found


# The language.


def test_a_ruleset_is_read_rule_by_rule_whatever_its_blanks() -> None:
    found = etl.rules_in('Rules = [IsComplete "a",\n  RowCount > 0 ,ColumnValues "b_2" <= -3\n]')
    assert [(each.text, each.column, each.comparison, each.bound) for each in found] == [
        ('IsComplete "a"', "a", "", 0),
        ("RowCount > 0", "", ">", 0),
        ('ColumnValues "b_2" <= -3', "b_2", "<=", -3),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        'IsUnique "a"',
        "IsComplete a",
        'IsComplete "a" > 0',
        'ColumnValues "a" between 1 and 3',  # in Glue the bounds are outside of it
        'ColumnValues "a" >= 1.5',
        'ColumnValues "a" >= "b"',
        'ColumnValues "a" != 1',
        'ColumnValues "a"',
        "RowCount",
        'RowCount > 0 where "a > 1"',
        '(RowCount > 0) or (IsComplete "a")',
        "",
    ],
)
def test_any_other_rule_is_refused_by_its_text(wrong: str) -> None:
    with pytest.raises(ValueError, match=rf"{re.escape(repr(wrong))} is nothing") as refusal:
        etl.rules_in(f'Rules = [ IsComplete "c", {wrong} ]')
    assert "write Rules = [ rule, ... ] with IsComplete" in str(refusal.value)


@pytest.mark.parametrize("wrong", ["", "RowCount > 0", "rules = [ RowCount > 0 ]", "Rules = [ ]"])
def test_a_text_that_is_no_ruleset_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is nothing that a run can evaluate"):
        etl.rules_in(wrong)


# The rules that there are.


def test_every_table_of_silver_and_gold_but_rejects_and_ledger_has_rules() -> None:
    tables = set(etl.PUBLISH_ORDER) - {etl.BRONZE, etl.QUARANTINE, etl.LEDGER}
    assert etl.DATA_QUALITY.keys() == tables


@pytest.mark.parametrize("table", etl.DATA_QUALITY)
def test_rules_are_about_columns_that_the_files_have_and_compare_numbers(table: str) -> None:
    columns = dict(table_columns(*table.split("."))[0])
    for each in etl.RULES[table]:
        if each.column:
            kind = columns[each.column]
            assert not each.comparison or re.match(r"int|bigint|decimal", kind), each.text


@pytest.mark.parametrize("table", etl.DATA_QUALITY)
def test_the_embedded_aws_counts_the_same_rules(table: str) -> None:
    ruleset = etl.DATA_QUALITY[table]
    assert dataquality.count_rules(ruleset, "") == len(etl.RULES[table])


def test_the_notebook_declares_what_the_script_says() -> None:
    declared_rules = function("quality", "declared_rules", {"ast": ast, "Stop": ValueError})
    assert declared_rules(ROOT / "glue_jobs" / "capstone_etl.py") == etl.DATA_QUALITY
    with pytest.raises(ValueError, match="test_quality.py declares no DATA_QUALITY"):
        declared_rules(Path(__file__))


@pytest.mark.parametrize("page", ["docs/DEPLOYMENT_CHECKLIST.md", "docs/RUNBOOK.md"])
def test_the_teardown_takes_every_ruleset_away(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    (tables,) = re.findall(r"^for table in (.*); do\n +aws glue delete-data", text, re.MULTILINE)
    assert tables.split() == [table.replace(".", "_") for table in etl.DATA_QUALITY]


# Their evaluation.

MONEY = st.decimals(-10, 10, places=2)
COLUMNS = {"i": (st.integers(-9, 9), pa.int32()), "d": (MONEY, pa.decimal128(18, 2))}
RULES = ["RowCount {}", 'IsComplete "i"', 'ColumnValues "i" {}', 'ColumnValues "d" {}']


def files_of(columns: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.lists(st.lists(st.fixed_dictionaries(columns)), max_size=3)


VALUES = {name: values for name, (values, _) in COLUMNS.items()}
# One null breaks a rule whatever the values are, so half of the files have none.
FILES = files_of(VALUES) | files_of({name: st.none() | one for name, one in VALUES.items()})

HOLDS: dict[str, Callable[[Any, int], bool]] = {
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def by_rows(rule: etl.Rule, rows: Sequence[dict[str, Any]]) -> str:
    """What breaks a rule, by looking at every row."""
    if not rule.column:
        return "" if HOLDS[rule.comparison](len(rows), rule.bound) else f"{len(rows)} rows"
    values = [row[rule.column] for row in rows]
    if None in values:
        return f"{values.count(None)} null"
    if not rule.comparison:
        return ""
    far = [value for value in values if not HOLDS[rule.comparison](value, rule.bound)]
    worst = max(far, default=None) if "<" in rule.comparison else min(far, default=None)
    return "" if worst is None else f"{worst} found"


@settings(deadline=None, database=None)
@given(
    files=FILES,
    form=st.sampled_from(RULES),
    comparison=st.sampled_from(list(etl.COMPARISONS)),
    bound=st.integers(-4, 4),
    row_group=st.integers(1, 4),
    is_of_spark=st.booleans(),
)
def test_footers_say_what_the_rows_say(
    files: list[list[dict[str, Any]]],
    form: str,
    comparison: str,
    bound: int,
    row_group: int,
    is_of_spark: bool,
) -> None:
    schema = pa.schema([(name, kind) for name, (_, kind) in COLUMNS.items()])
    # Spark writes decimals of up to 18 digits as whole numbers.
    options = {"row_group_size": row_group, "store_decimal_as_integer": is_of_spark}
    tables = [pa.Table.from_pylist(rows, schema) for rows in files]
    rows = pa.concat_tables([schema.empty_table(), *tables]).to_pylist()
    one = rule(form.format(f"{comparison} {bound}"))
    assert etl.violation(one, [footer(table, **options) for table in tables]) == by_rows(one, rows)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ('ColumnValues "c" <= 5', ""),
        ('ColumnValues "c" <= 3', "5 found"),
        ('ColumnValues "c" < 5', "5 found"),
        ('ColumnValues "c" >= -1', ""),
        ('ColumnValues "c" >= 0', "-1 found"),
        ('ColumnValues "c" > 6', "-1 found"),
    ],
)
def test_the_value_that_is_farthest_off_is_told(text: str, broken: str) -> None:
    assert etl.violation(rule(text), [footer(pa.table({"c": pa.array([2, -1, 5])}))]) == broken


NULLS, BOUNDS = "no count of nulls in a file", "no least and greatest number in a file"


@pytest.mark.parametrize(
    ("text", "values", "options", "why"),
    [
        ('IsComplete "c"', pa.array([1]), {"write_statistics": False}, NULLS),
        ('ColumnValues "c" > 0', pa.array([1]), {"write_statistics": False}, NULLS),
        ('IsComplete "d"', pa.array([1]), {}, NULLS),
        ('ColumnValues "c" > 0', pa.array([1.5]), {}, BOUNDS),
        ('ColumnValues "c" > 0', pa.array(["1"]), {}, BOUNDS),
        (
            'ColumnValues "c" > 0',
            pa.array([NOON]),
            {"use_deprecated_int96_timestamps": True},
            NULLS,
        ),
    ],
    ids=["complete", "values", "no such column", "float", "text", "int96"],
)
def test_a_rule_that_the_footers_do_not_decide_is_broken_and_says_so(
    text: str, values: pa.Array, options: dict[str, Any], why: str
) -> None:
    known = footer(pa.table({"c": pa.array([1]), "d": pa.array([1])}))
    unknown = footer(pa.table({"c": values}), **options)
    assert etl.violation(rule(text), [known, unknown]) == f"not evaluated: {why}"
    assert etl.violation(rule("RowCount > 2"), [known, unknown]) == "2 rows"


def test_ledgers_of_runs_that_knew_no_rules_can_be_added_to() -> None:
    table = pa.Table.from_pylist([{"run_id": "old"}], schema=etl.LEDGER_SCHEMA)
    assert table["rules_failed"].to_pylist() == [None]


# On what Spark writes.


@pytest.mark.slow
def test_a_runs_files_decide_all_rules_and_keep_them(lab: Lab) -> None:
    lab.put([event(), purchase(user_id="u2"), purchase(quantity=3, price="12.5"), "garbage"])
    lake = lab.lake()
    assert lab.run(lake=lake).rules_failed == []
    assert [name for name in etl.RULES if not lake.written(name).rows] == []
    assert lab.rows(etl.LEDGER)[0]["rules_failed"] == []


@pytest.mark.slow
def test_a_sum_that_no_column_takes_is_published_told_and_stops_nothing(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two purchases that are each valid, and together more than decimal(18,2) holds."""
    absurd = {"quantity": 2_147_483_647, "price": 4_000_000}
    lab.put([purchase(**absurd), purchase(user_id="u2", **absurd), event()])
    ledger = lab.run()
    broken = [
        f"{table}: {text} (1 null)"
        for table, column in (
            (etl.PRODUCT_HOURLY, "revenue"),
            (etl.HOURLY_REVENUE, "total_revenue"),
            (etl.CATEGORY, "revenue"),
        )
        for text in (f'IsComplete "{column}"', f'ColumnValues "{column}" >= 0')
    ]
    assert ledger.rules_failed == broken
    assert lab.rows(etl.LEDGER)[0]["rules_failed"] == broken
    assert f"rules_failed          {', '.join(broken)}" in capsys.readouterr().out
    assert etl.metrics_of(ledger)["QualityRulesFailed"] == (6, "Count")
    assert [row["total_revenue"] for row in lab.rows(etl.HOURLY_REVENUE)] == [None]
    assert sum(row["revenue"] for row in lab.rows(etl.SILVER)) == Decimal("17179869176000000.00")
