"""Trino expressions and the values that its documentation gives them.

Each list is named by the page that it is from, below https://trino.io/docs/current/. Most are the
page's own examples; the others follow from its sentences, which stand above them.
"""

from __future__ import annotations

Cases = dict[str, str | None]

MATH: Cases = {
    # "/ Division (integer division performs truncation)"
    "7 / 2": "3",
    "-7 / 2": "-3",
    "7 % 3": "1",
    "mod(-7, 3)": "-1",
    "1e0 / 0": "Infinity",
    "abs(-1.5)": "1.5",
    "ceiling(1.2)": "2",
    "floor(-1.2)": "-2",
    "ln(0)": "-Infinity",
    "log(2, 8)": "3.0",
    "log10(100)": "2.0",
    "power(2, 10)": "1024.0",
    "round(2.5e0)": "3.0",
    "round(-2.5e0)": "-3.0",
    "round(1.235, 2)": "1.240",
    "sign(-4)": "-1",
    "sign(-4.5)": "-1",
    "sqrt(-1)": "NaN",
    "truncate(-1.9e0)": "-1.0",
    "is_nan(nan())": "true",
    "infinity()": "Infinity",
    "1e10": "1.0E10",
    "0.001e0": "0.001",
}

# Precision and scale of results: the table of "Arithmetic operators".
DECIMAL: Cases = {
    "1.5 / 2": "0.8",
    "1.0000 / 3": "0.3333",
    "1.10 * 2.5": "2.750",
    "1.10 + 2.5": "3.60",
    "cast(2 as decimal(18, 4)) / cast(3 as bigint)": "0.6667",
    "cast(-2 as decimal(18, 4)) / 3": "-0.6667",
    "cast(1.235 as decimal(10, 2))": "1.24",
}

CONVERSION: Cases = {
    "cast('42' as bigint)": "42",
    "cast(2.5e0 as bigint)": "3",
    "cast(-2.5e0 as bigint)": "-3",
    # The double nearest to 1.115 is less than 1.115.
    "cast(1.115e0 as decimal(10, 2))": "1.11",
    "cast(1.125e0 as decimal(10, 2))": "1.13",
    "cast('true' as boolean)": "true",
    "cast(true as integer)": "1",
    "cast(1.50 as varchar)": "1.50",
    "cast(3.4 as real)": "3.4",
    "cast(timestamp '2020-05-11 11:15:05' as varchar)": "2020-05-11 11:15:05.000",
    "try_cast('1.5' as bigint)": None,
    "try_cast(' 7' as integer)": None,
    "try_cast('2026-02-30' as date)": None,
    "'2026' || cast(11 as varchar)": "202611",
}

# "These functions return null if any argument is null" (greatest, least).
CONDITIONAL: Cases = {
    "if(1 > 2, 'a')": None,
    "if(2 > 1, 'a', 'b')": "a",
    "coalesce(null, 2, 3)": "2",
    "nullif(1, 1)": None,
    "try(1 / 0)": None,
    "coalesce(try(cast('x' as integer)), 0)": "0",
    "greatest(1, null)": None,
    "greatest(1, 2.5)": "2.5",
    "case when null then 1 else 2 end": "2",
}

COMPARISON: Cases = {
    "null is distinct from null": "false",
    "1 is distinct from null": "true",
    "1 is not distinct from 1": "true",
    "3 between 2 and 6": "true",
    "'a' < 'B'": "false",
    "'a' = 'a '": "false",
    "'South_America' like 'South\\_America' escape '\\'": "true",
    "'SouthXAmerica' like 'South\\_America' escape '\\'": "false",
    "'abc' like '_b%'": "true",
    "null = null": None,
    "1 in (2, null)": None,
}

STRING: Cases = {
    "chr(65)": "A",
    "codepoint('A')": "65",
    "concat('a', cast(null as varchar))": None,
    # "Any null values provided in the arguments after the separator are skipped."
    "concat_ws(',', 'a', null, 'b')": "a,b",
    "length('naïve')": "5",
    # "If size is less than the length of string, the result is truncated to size characters."
    "lpad('abc', 2, 'x')": "ab",
    "rpad('abc', 6, 'xy')": "abcxyx",
    "ltrim('  a ')": "a ",
    "trim('\t a\n')": "a",
    "replace('abcabc', 'b')": "acac",
    "reverse('añb')": "bña",
    "split('a,b,', ',')": "[a, b, ]",
    # "If the index is larger than the number of fields, then null is returned."
    "split_part('a,b', ',', 2)": "b",
    "split_part('a,b', ',', 3)": None,
    "starts_with('event', 'ev')": "true",
    "strpos('high', 'ig')": "2",
    "strpos('high', 'x')": "0",
    "position('gh' in 'high')": "3",
    "substr('event', 2, 3)": "ven",
    "upper('a') || lower('B')": "Ab",
    "to_utf8('abc')": "61 62 63",
    "from_utf8(to_utf8('ü'))": "ü",
    "to_hex(md5(to_utf8('a')))": "0CC175B9C0F1B6A831C399E269772661",
}

REGEXP: Cases = {
    r"regexp_extract('1a 2b 14m', '\d+')": "1",
    r"regexp_extract('1a 2b 14m', '(\d+)([a-z]+)', 2)": "a",
    r"regexp_extract('1a 2b 14m', 'x')": None,
    r"regexp_like('1a 2b 14m', '\d+b')": "true",
    r"regexp_replace('1a 2b 14m', '\d+[ab] ')": "14m",
    r"regexp_replace('1a 2b 14m', '(\d+)([ab]) ', '3c$2 ')": "3ca 3cb 14m",
}

_AT = "TIMESTAMP '2022-10-20 05:10:00'"
_FROM, _TO = "TIMESTAMP '2020-03-01 00:00:00", "TIMESTAMP '2020-03-02 00:00:00"
DATETIME: Cases = {
    f"date_trunc('minute', {_AT})": "2022-10-20 05:10:00.000",
    f"date_trunc('hour', {_AT})": "2022-10-20 05:00:00.000",
    f"date_trunc('day', {_AT})": "2022-10-20 00:00:00.000",
    f"date_trunc('week', {_AT})": "2022-10-17 00:00:00.000",
    f"date_trunc('month', {_AT})": "2022-10-01 00:00:00.000",
    f"date_trunc('quarter', {_AT})": "2022-10-01 00:00:00.000",
    f"date_trunc('year', {_AT})": "2022-01-01 00:00:00.000",
    "date_trunc('month', date '2026-05-17')": "2026-05-01",
    "date_add('second', 86, TIMESTAMP '2020-03-01 00:00:00')": "2020-03-01 00:01:26.000",
    "date_add('hour', 9, TIMESTAMP '2020-03-01 00:00:00')": "2020-03-01 09:00:00.000",
    "date_add('day', -1, TIMESTAMP '2020-03-01 00:00:00 UTC')": "2020-02-29 00:00:00.000 UTC",
    "date_add('month', 1, date '2026-01-31')": "2026-02-28",
    f"date_diff('second', {_FROM}', {_TO}')": "86400",
    f"date_diff('hour', {_FROM} UTC', {_TO} UTC')": "24",
    "date_diff('day', DATE '2020-03-01', DATE '2020-03-02')": "1",
    "date_diff('day', timestamp '2026-01-01 23:00:00', timestamp '2026-01-02 01:00:00')": "0",
    "date_diff('month', date '2026-01-31', date '2026-02-28')": "1",
    "date '2012-08-08' + interval '2' day": "2012-08-10",
    "timestamp '2012-08-08 01:00' + interval '29' hour": "2012-08-09 06:00:00.000",
    "timestamp '2012-10-31 01:00' + interval '1' month": "2012-11-30 01:00:00.000",
    "date '2012-08-08' - interval '2' day": "2012-08-06",
    "timestamp '2012-10-31 01:00' - interval '1' month": "2012-09-30 01:00:00.000",
    "timestamp '2012-10-31 01:00 UTC' at time zone 'America/Los_Angeles'": (
        "2012-10-30 18:00:00.000 America/Los_Angeles"
    ),
    "from_iso8601_timestamp('2020-05-11T11:15:05.055+01:00') at time zone 'UTC'": (
        "2020-05-11 10:15:05.055 UTC"
    ),
    "cast(from_iso8601_timestamp('2020-05-11') at time zone 'UTC' as date)": "2020-05-11",
    "hour(from_iso8601_timestamp('2020-05-11T23:00:00Z') at time zone 'Asia/Tokyo')": "8",
    "from_iso8601_date('2020-05-11')": "2020-05-11",
    "from_unixtime(1.5)": "1970-01-01 00:00:01.500 UTC",
    "to_unixtime(timestamp '1970-01-01 00:00:01')": "1.0",
    "date_format(TIMESTAMP '2022-10-20 05:10:00', '%m-%d-%Y %H')": "10-20-2022 05",
    "date_format(timestamp '2026-11-01 09:05:07', '%Y-%m-%d %H:%i:%s')": "2026-11-01 09:05:07",
    "date_parse('2022/10/20/05', '%Y/%m/%d/%H')": "2022-10-20 05:00:00.000",
    "day_of_week(date '2026-11-22')": "7",
    "week(date '2026-01-01')": "1",
    "year_of_week(date '2027-01-01')": "2026",
    "last_day_of_month(date '2024-02-10')": "2024-02-29",
    "extract(year from date '2026-11-22')": "2026",
    "millisecond(timestamp '2026-01-01 00:00:01.5')": "500",
    "to_iso8601(timestamp '2026-11-01 10:00:00')": "2026-11-01T10:00:00.000",
    "current_date = cast(current_timestamp as date)": "true",
}

ARRAY: Cases = {
    "array[1, 2][1]": "1",
    "element_at(array[1, 2], -1)": "2",
    "element_at(array[1, 2], 5)": None,
    "cardinality(array['a', null])": "2",
    "array_distinct(array[2, null, 1, 2, null])": "[2, null, 1]",
    "array_join(array['a', null, 'b'], '-')": "a-b",
    "array_join(array['a', null, 'b'], '-', '?')": "a-?-b",
    "array_max(array[1, null])": None,
    "array_position(array['a', 'b'], 'c')": "0",
    "array_sort(array[3, null, 1])": "[1, 3, null]",
    "contains(array[1, 2], 2)": "true",
    "contains(array[1, null], 2)": None,
    "sequence(3, 1)": "[3, 2, 1]",
}

JSON: Cases = {
    "json_array_length('[1, 2, 3]')": "3",
    "json_extract_scalar('[1, 2, 3]', '$[2]')": "3",
    "json_extract_scalar('{\"store\": {\"price\": 29.99}}', '$.store.price')": "29.99",
    # "the value referenced by json_path must be a scalar"
    "json_extract_scalar('{\"a\": [1]}', '$.a')": None,
    "json_extract_scalar('no json', '$.a')": None,
}

PAGES = {
    "functions/math.html": MATH,
    "functions/decimal.html": DECIMAL,
    "functions/conversion.html": CONVERSION,
    "functions/conditional.html": CONDITIONAL,
    "functions/comparison.html": COMPARISON,
    "functions/string.html": STRING,
    "functions/regexp.html": REGEXP,
    "functions/datetime.html": DATETIME,
    "functions/array.html": ARRAY,
    "functions/json.html": JSON,
}

# Queries and the reason of their failure; the codes are those of Trino's StandardErrorCode.
FAILURES = {
    "select 1 / 0": "DIVISION_BY_ZERO: Division by zero",
    "select cast('x' as bigint)": "INVALID_CAST_ARGUMENT: Cannot cast to bigint: x",
    "select array[1][2]": (
        "INVALID_FUNCTION_ARGUMENT: "
        "Array subscript must be less than or equal to array length: 2 > 1"
    ),
    "select array[1][0]": "INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1",
    "select counts['x'] from sales": "INVALID_FUNCTION_ARGUMENT: Key not present in map: x",
    "select split_part('a', ',', 0)": (
        "INVALID_FUNCTION_ARGUMENT: Index must be greater than zero"
    ),
    "select from_iso8601_date('today')": 'INVALID_FUNCTION_ARGUMENT: Invalid format: "today"',
    "select regexp_like('a', '(?=a)')": "NOT_SUPPORTED: The embedded AWS takes RE2's",
    "select json_extract_scalar('{\"a\": 2.50}', '$.a')": "NOT_SUPPORTED: The embedded AWS",
    "select hour(from_iso8601_timestamp('2020-05-11T11:15:05+01:00'))": (
        "NotSupportedByEmbeddedAws: The embedded AWS does not support"
    ),
    "select json_extract_scalar(product_id, category) from sales": (
        "NotSupportedByEmbeddedAws: The embedded AWS does not support"
    ),
}
