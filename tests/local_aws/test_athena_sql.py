# ruff: noqa: S608 - the queries are literals of this file
"""Queries have Trino's values, types and errors."""

from __future__ import annotations

import pytest
import trino_corpus
from athena_lake import Athena, write


@pytest.mark.parametrize("page", trino_corpus.PAGES)
def test_expressions_have_the_values_of_trinos_documentation(lake: Athena, page: str) -> None:
    cases = trino_corpus.PAGES[page]
    values = lake.values("select " + ", ".join(cases))
    assert dict(zip(cases, values, strict=True)) == cases


@pytest.mark.parametrize("sql", trino_corpus.FAILURES)
def test_a_value_that_trino_does_not_have_fails_the_query(lake: Athena, sql: str) -> None:
    assert lake.failure(sql).startswith(trino_corpus.FAILURES[sql])


def test_aggregates_pass_over_nulls_as_trinos_do(lake: Athena) -> None:
    """ "Aggregate functions", Trino documentation; max_by gives null where its first is null."""
    rows = "(values ('a', 1), ('b', 3), (null, 5), ('b', null)) as t(x, y)"
    assert lake.values(
        f"select max_by(x, y), min_by(x, y), approx_distinct(x), arbitrary(y), count(x), "
        f"listagg(x, ',') within group (order by x), stddev(y), array_agg(x order by y) from {rows}"
    ) == [None, "a", "2", "1", "3", "a,b,b", "2.0", "[a, b, null, b]"]


def test_values_tables_and_fetch_are_queries(lake: Athena) -> None:
    assert lake.rows("values (1, 'a'), (2, null)") == [
        ["_col0", "_col1"],
        ["1", "a"],
        ["2", None],
    ]
    assert lake.rows("table plain")[0] == ["n"]
    assert lake.rows("select n from plain order by n fetch first 1 rows only")[1:] == [["0"]]


def test_rows_and_subscripts_show_as_athena_shows_them(lake: Athena) -> None:
    lake.create_table("nested", [("s", "struct<a:int,b:string>"), ("m", "map<int,string>")])
    write("gold/nested/", "select {'a': 1::int, 'b': null} as s, map {1: 'one'} as m")
    execution = lake.run("select s, s.a, m[1] from nested")
    answer = lake.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [column["Type"] for column in columns] == ["row", "integer", "varchar"]
    row = answer["ResultSet"]["Rows"][1]["Data"]
    assert [cell["VarCharValue"] for cell in row] == ["{a=1, b=null}", "1", "one"]


def test_aggregates_have_trinos_types(lake: Athena) -> None:
    sql = "select sum(quantity), avg(price), avg(views), sum(price), count_if(is_new) from sales"
    assert lake.values(sql) == ["10", "2.50", "2.0", "12.50", "3"]
    assert lake.values("select sum(views) / count(*), avg(price) from sales where views > 2") == [
        "3",
        "4.38",
    ]


def test_nulls_sort_last_in_both_directions(lake: Athena) -> None:
    for direction in ("asc", "desc"):
        rows = lake.rows(f"select distinct category from sales order by category {direction}")
        assert rows[-1] == [None]


def test_windows_sets_unnest_and_subqueries_work(lake: Athena) -> None:
    ranked = lake.rows(
        "select * from (select product_id, row_number() over (order by views desc) as place, "
        "sum(views) over (partition by event_date) as day from sales) where place = 1"
    )
    assert ranked[1] == ["p4", "1", "7"]
    assert lake.rows("select views from sales intersect select n from plain order by 1")[1:] == [
        ["0"],
        ["1"],
        ["2"],
    ]
    unnested = "select t.tag, count(*) from sales cross join unnest(tags) as t(tag) group by t.tag"
    assert ["a", "5"] in lake.rows(unnested)
    assert lake.values("select (select max(n) from plain)") == ["2"]
    assert lake.rows("select views from sales group by views having sum(views) > 3")[1:] == [["4"]]


def test_an_alias_cannot_be_used_where_trino_does_not_see_it(lake: Athena) -> None:
    for clause in ("where v > 1", "group by v", "having v > 1"):
        assert "Column 'v' cannot be resolved" in lake.failure(
            f"select views as v from sales {clause}"
        )
    assert "GROUP BY" in lake.failure("select views, category from sales group by views")
