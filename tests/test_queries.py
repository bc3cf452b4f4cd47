from __future__ import annotations

import re

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from template_schemas import QUERIES, queries, statements, table_columns, tables

QUESTIONS = [
    "conversion_funnel",
    "hourly_revenue",
    "top_products",
    "category_performance",
    "user_activity",
]


def parsed(name: str) -> exp.Expression:
    (statement,) = sqlglot.parse(queries()[name], read="athena")
    assert statement is not None
    return statement


def gold_schema() -> dict[str, dict[str, str]]:
    schema = {}
    for table in tables("gold"):
        columns, keys = table_columns("gold", table)
        schema[table] = dict(columns + keys)
    return schema


def test_there_are_five_statements_each_under_a_name_of_its_own() -> None:
    assert len(statements()) == 5
    assert list(queries()) == QUESTIONS


def test_the_file_parses_as_athena_sql_as_a_whole() -> None:
    found = [item for item in sqlglot.parse(QUERIES.read_text(), read="athena") if item]

    assert len(found) == 5
    assert all(isinstance(item, exp.Select) for item in found)


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_statement_states_its_question_and_its_grain(name: str) -> None:
    assert re.search(r"^-- question: .+\?$", queries()[name], re.MULTILINE)
    assert re.search(r"^-- grain: one row per .+$", queries()[name], re.MULTILINE)


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_statement_reads_one_gold_table_and_names_no_database(name: str) -> None:
    statement = parsed(name)
    ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
    read = [table for table in statement.find_all(exp.Table) if table.name not in ctes]

    assert [table.name for table in read] == [name]
    assert not [table for table in read if table.db or table.catalog]
    assert name in tables("gold")


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_column_exists_in_the_table_of_the_template(name: str) -> None:
    qualify(parsed(name), schema=gold_schema(), dialect="athena", validate_qualify_columns=True)


def test_a_column_that_the_template_lacks_would_be_noticed() -> None:
    broken = sqlglot.parse_one("select visits from user_activity", read="athena")

    with pytest.raises(sqlglot.errors.OptimizeError, match="visits"):
        qualify(broken, schema=gold_schema(), dialect="athena", validate_qualify_columns=True)


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_statement_orders_its_rows_and_names_its_columns(name: str) -> None:
    statement = parsed(name)

    assert statement.args["order"]
    assert not list(statement.find_all(exp.Star))
    assert all(statement.named_selects)


@pytest.mark.parametrize("name", QUESTIONS)
def test_keywords_and_names_are_in_lower_case(name: str) -> None:
    sql = re.sub(r"--.*", "", queries()[name])

    assert sql == sql.lower()


def test_the_funnel_divides_decimals_and_never_by_zero() -> None:
    divisions = list(parsed("conversion_funnel").find_all(exp.Div))

    assert len(divisions) == 3
    assert all(isinstance(division.expression, exp.Nullif) for division in divisions)
    assert all(division.this.is_type("decimal(18, 4)") for division in divisions)
