"""Trino's functions that DuckDB computes by another name, or with another result.

Signatures and results are those of "Functions and operators" in Trino's documentation; Athena
engine version 3 has the same functions ("Functions in Amazon Athena", Athena User Guide). A body is
DuckDB's SQL of the arguments a, b, c; `fail` ends the query with INVALID_FUNCTION_ARGUMENT.
"""

from __future__ import annotations

from local_aws.athena.signatures import table

# What Trino takes for white space: Java's Character.isWhitespace.
_SPACE_CODES = (*range(9, 14), *range(28, 33), 5760, *range(8192, 8199), *range(8200, 8203))
_SPACES = "||".join(f"chr({code})" for code in (*_SPACE_CODES, 8232, 8233, 8287, 12288))
# Else an error would be one of DuckDB's, or another path than Trino's.
_PATH = r"\$(\.[A-Za-z_]\w*|\[\d+\])*"
_ISO_TIME = r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?"

_REVERSED = "array_to_string(list_reverse(regexp_extract_all(a, '(?s).')), '')"
_STRINGS = (
    ("chr(bigint) -> varchar", "chr(a::integer)"),
    ("codepoint(varchar) -> bigint", "unicode(a)::bigint"),
    ("from_utf8(varbinary) -> varchar", "decode(a)"),
    ("lpad(varchar, bigint, varchar) -> varchar", "lpad(a, b::integer, c)"),
    ("ltrim(varchar) -> varchar", f"ltrim(a, {_SPACES})"),
    ("md5(varbinary) -> varbinary", "unhex(md5(a))"),
    (
        "reverse(varchar) -> varchar",
        _REVERSED,
    ),
    ("rpad(varchar, bigint, varchar) -> varchar", "rpad(a, b::integer, c)"),
    ("rtrim(varchar) -> varchar", f"rtrim(a, {_SPACES})"),
    ("sha256(varbinary) -> varbinary", "unhex(sha256(a))"),
    (
        "split(varchar, varchar) -> array(varchar)",
        "case when b = '' then fail('The delimiter may not be the empty string', b) "
        "else string_split(a, b) end",
    ),
    (
        "split_part(varchar, varchar, bigint) -> varchar",
        "case when c < 1 then fail('Index must be greater than zero', c) "
        "else string_split(a, b)[c] end",
    ),
    ("starts_with(varchar, varchar) -> boolean", "starts_with(a, b)"),
    ("to_hex(varbinary) -> varchar", "hex(a)"),
    ("to_utf8(varchar) -> varbinary", "encode(a)"),
    ("trim(varchar) -> varchar", f"trim(a, {_SPACES})"),
)

# RE2 answers as Java's engine does, or refuses the pattern. A group that took no part is null in
# Trino and empty in RE2, which does not tell it from one that matched nothing.
_GROUP = (
    "case when regexp_matches(a, b) then coalesce(nullif(regexp_extract(a, b, c::integer), ''), "
    "error('NOT_SUPPORTED: The embedded AWS cannot tell an empty group from an absent one in '||"
    "'regexp_extract of '||a)) end"
)
_REPLACED = (
    "case when contains(c, '\\') then error('NOT_SUPPORTED: The embedded AWS does not support a '||"
    "'backslash in the replacement '||c) else "
    "regexp_replace(a, b, regexp_replace(c, '\\$(\\d)', '\\\\\\1', 'g'), 'g') end"
)
_PATTERNS = (
    (
        "regexp_extract(varchar, varchar) -> varchar",
        "case when regexp_matches(a, b) then regexp_extract(a, b) end",
    ),
    ("regexp_extract(varchar, varchar, bigint) -> varchar", _GROUP),
    ("regexp_like(varchar, varchar) -> boolean", "regexp_matches(a, b)"),
    ("regexp_replace(varchar, varchar) -> varchar", "regexp_replace(a, b, '', 'g')"),
    ("regexp_replace(varchar, varchar, varchar) -> varchar", _REPLACED),
)

# Trino gives a number as it is written, 2.50; DuckDB gives its value, 2.5. Both are the same when
# the text of the value is in the JSON, with nothing of a number around it.
# DuckDB's functions fail on what is no JSON; Trino's are null of it, and of what is no scalar.
_DOCUMENT = "case when json_valid(a) then a else 'null' end"
_VALUE = f"json_extract_string({_DOCUMENT}, b)"
_WRITTEN = f"'(^|[^0-9.eE+-])' || regexp_escape({_VALUE}) || '([^0-9.eE]|$)'"
_UNWRITTEN = (
    "error('NOT_SUPPORTED: The embedded AWS does not give the number at ' || b || "
    "' as it is written in ' || a)"
)
_JSON = (
    (
        "json_array_length(varchar) -> bigint",
        f"case when json_type({_DOCUMENT}) = 'ARRAY' "
        f"then json_array_length({_DOCUMENT})::bigint end",
    ),
    (
        "json_extract_scalar(varchar, varchar) -> varchar",
        f"case when json_type({_DOCUMENT}, b) in ('OBJECT', 'ARRAY', 'NULL') then null "
        f"when json_type({_DOCUMENT}, b) = 'DOUBLE' and not regexp_matches(a, {_WRITTEN}) "
        f"then {_UNWRITTEN} else {_VALUE} end",
        {1: _PATH},
    ),
)

_TIMES = (
    (
        "from_iso8601_date(varchar) -> date",
        "case when regexp_full_match(a, '\\d{4}-\\d{2}-\\d{2}') "
        "then a::date else fail('Invalid format: \"'||a||'\"', a) end",
    ),
    (
        "from_iso8601_timestamp(varchar) -> instant",
        f"case when regexp_full_match(a, '{_ISO_TIME}') then date_trunc('millisecond', "
        "replace(a, ',', '.')::timestamptz) else fail('Invalid format: \"'||a||'\"', a) end",
    ),
    ("from_unixtime(double) -> utc", "to_timestamp(round(a * 1000) / 1000)"),
    ("last_day_of_month(timestamp) -> date", "last_day(a)"),
    ("millisecond(timestamp) -> bigint", "extract(millisecond from a) % 1000"),
    ("to_iso8601(date) -> varchar", "strftime(a, '%Y-%m-%d')"),
    ("to_iso8601(timestamp) -> varchar", "strftime(a, '%Y-%m-%dT%H:%M:%S.%g')"),
    ("to_unixtime(timestamp) -> double", "epoch(a)"),
    ("to_unixtime(instant) -> double", "epoch(a)"),
    ("week(timestamp) -> bigint", "weekofyear(a)"),
    ("week_of_year(timestamp) -> bigint", "weekofyear(a)"),
    ("year_of_week(timestamp) -> bigint", "isoyear(a)"),
    ("yow(timestamp) -> bigint", "isoyear(a)"),
)

_FIRST = "lambda x, i: list_position(a[:i - 1], x) is null"
_COLLECTIONS = (
    (
        "array_distinct(array(T)) -> array(T)",
        f"list_filter(a, {_FIRST})",
    ),
    ("array_join(array(varchar), varchar) -> varchar", "array_to_string(a, b)"),
    (
        "array_join(array(varchar), varchar, varchar) -> varchar",
        "array_to_string(list_transform(a, lambda x: coalesce(x, c)), b)",
    ),
    ("array_max(array(T)) -> T", "case when len(a) = list_count(a) then list_max(a) end"),
    ("array_min(array(T)) -> T", "case when len(a) = list_count(a) then list_min(a) end"),
    (
        "array_position(array(T), T) -> bigint",
        "case when a is not null and b is not null then coalesce(list_position(a, b), 0) end",
    ),
    ("array_sort(array(T)) -> array(T)", "list_sort(a, 'ASC', 'NULLS LAST')"),
    (
        "contains(array(T), T) -> boolean",
        "case when b is null then null when list_contains(a, b) then true "
        "when len(a) = list_count(a) then false end",
    ),
    ("map_values(map(K, V)) -> array(V)", "map_values(a)"),
    (
        "sequence(bigint, bigint) -> array(bigint)",
        "generate_series(a, b, case when a <= b then 1 else -1 end)",
    ),
)

_NAN, _INFINITY = "'nan'::double", "'infinity'::double"
# DuckDB has no logarithm of 0 and less.
_LOGARITHM = f"case when a > 0 then {{}}(a) when a = 0 then -{_INFINITY} when a < 0 then {_NAN} end"
_MATH = (
    ("e() -> double", "exp(1.0::double)"),
    ("exp(double) -> double", "exp(a)"),
    ("infinity() -> double", _INFINITY),
    ("is_finite(double) -> boolean", "isfinite(a)"),
    ("is_infinite(double) -> boolean", "isinf(a)"),
    ("is_nan(double) -> boolean", "isnan(a)"),
    (
        "ln(double) -> double",
        _LOGARITHM.format("ln"),
    ),
    (
        "log10(double) -> double",
        _LOGARITHM.format("log10"),
    ),
    (
        "log2(double) -> double",
        _LOGARITHM.format("log2"),
    ),
    ("nan() -> double", _NAN),
    ("pi() -> double", "pi()"),
    ("rand() -> double", "random()"),
    ("random() -> double", "random()"),
    ("sign(bigint) -> bigint", "sign(a)::bigint"),
    ("sign(decimal) -> decimal(1)", "sign(a)::decimal(1, 0)"),
    ("sign(double) -> double", "sign(a)::double"),
    ("sqrt(double) -> double", f"case when a < 0 then {_NAN} else sqrt(a) end"),
    ("truncate(double) -> double", "trunc(a)"),
)

FUNCTIONS = table((*_STRINGS, *_PATTERNS, *_JSON, *_TIMES, *_COLLECTIONS, *_MATH))
