"""The pages hold what they name: links, commands, names, columns, figures and pictures."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import botocore.session
import pytest
import sqlglot
import yaml
from botocore import xform_name
from documented import ROOT, steps
from matplotlib import image
from sqlglot.optimizer.qualify import qualify
from template_schemas import load_template, table_columns, tables

from benchmarks import report
from glue_jobs import capstone_etl as etl
from tools import documents, record
from tools.diagrams import timeline
from tools.diagrams.__main__ import DIAGRAMS

PAGES = sorted(str(page.relative_to(ROOT)) for page in documents.pages())
BLOG = "docs/BLOG_POST.md"
# Of the AWS CLI itself, not of an operation.
CLI_OPTIONS = {"--region", "--query", "--output", "--cli-read-timeout", "--cli-binary-format"}
# Pages that a form or a reader's first glance shapes.
WITHOUT_OPENING = ("README.md", ".github/", "docs/adr/", "benchmarks/", "CHANGELOG.md")
EMOJI = re.compile("[\U0001f000-\U0001faff]")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without code, generated and measured blocks, comments and the targets of links."""
    text = documents.MEASURED.sub("", documents.GENERATED.sub("", text))
    text = re.sub(r"```.*?```|<!--.*?-->", "", text, flags=re.DOTALL)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)


def code(text: str) -> str:
    """What a page shows as code, in blocks and in lines."""
    found = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    return "\n".join(block or line for block, line in found)


def links(page: str) -> list[str]:
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", text_of(page), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", without_code)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES)
def test_generated_blocks_are_what_their_sources_say(page: str) -> None:
    assert documents.brought_up_to_date(text_of(page)) == text_of(page), "make docs"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}: {sorted(anchors(target))}"


@pytest.mark.parametrize("page", PAGES)
def test_pictures_are_pictures_and_have_a_text(page: str) -> None:
    for alt, path in re.findall(r"!\[(.*?)\]\((.*?)\)", text_of(page)):
        target = (ROOT / page).parent / path
        assert len(alt) > 10 or page.startswith("benchmarks/"), path
        if target.suffix == ".png":
            assert image.imread(target).shape[1] >= 700, path
        else:
            assert target.read_text(encoding="utf-8").lstrip().startswith("<?xml"), path


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_whom_it_is_for_first(page: str) -> None:
    if not page.startswith(WITHOUT_OPENING):
        opening = text_of(page).partition("\n\n")[2]
        assert opening.lstrip("*").startswith("For "), page


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_wrapped_and_without_emoji(page: str) -> None:
    text = re.sub(r"```.*?```|<!--.*?-->", "", text_of(page), flags=re.DOTALL)
    # Tables and headings cannot be wrapped, and a link is as long as it is.
    lines = [line for line in text.splitlines() if not line.startswith(("|", "![", "**", "#"))]
    assert [line for line in lines if len(line) > 130 and "](" not in line] == []
    assert not EMOJI.search(text)
    # A command that is copied must come in one piece.
    assert [line for line in lines if line.count("`") % 2] == []


# Commands.


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_modules_and_tests_that_are_named_exist(page: str) -> None:
    shown = code(text_of(page))
    assert set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", shown)) <= make_targets()
    for module in re.findall(r"python -m ([\w.]+)", shown):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    for path in re.findall(r"\b(?:tests|tools|docs|benchmarks|local_aws)/[\w./-]+\.\w+", shown):
        assert (ROOT / path).exists() or path in ("benchmarks/results.json",), path


def test_workflows_call_make_targets_and_nothing_else() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(path.read_text())["jobs"].values()
        commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
        assert commands
        assert {command.removeprefix("make ") for command in commands} <= make_targets(), path


def cli_commands() -> list[str]:
    """Every AWS CLI command of the pages, in blocks and in lines, but those that are no API's."""
    shown = "\n".join(code(text_of(page)) for page in PAGES)
    found = re.findall(r"\baws (?!s3 |configure)([a-z0-9-]+ [a-z-]+.*)", shown)
    # A command that stands within another ends with its bracket.
    return sorted({command.partition(")")[0] for command in found})


@pytest.mark.parametrize("command", cli_commands())
def test_aws_commands_have_operations_and_options_that_exist(command: str) -> None:
    service, operation, *rest = command.split()
    service = {"s3api": "s3"}.get(service, service)
    if operation == "wait":
        assert rest[0] in {xform_name(name, "-") for name in waiters_of(service)}
        return
    model = model_of(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations
    request = model.operation_model(operations[operation]).input_shape
    known = {f"--{xform_name(name, '-')}" for name in (request.members if request else ())}
    values = re.sub(r'"[^"]*"|\'[^\']*\'', "", command)
    assert set(re.findall(r"(?<= )--[a-z][a-z-]*", values)) <= known | CLI_OPTIONS


@cache
def model_of(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def waiters_of(service: str) -> list[str]:
    return list(botocore.session.get_session().get_waiter_model(service).waiter_names)


def test_the_checklist_deploys_and_runs_as_the_readme_does() -> None:
    checklist, readme = steps("docs/DEPLOYMENT_CHECKLIST.md"), steps("README.md")

    assert readme.keys() <= checklist.keys()
    assert {name: checklist[name] for name in readme} == readme


def test_every_step_of_the_checklist_is_run_by_a_test() -> None:
    runner = (ROOT / "tests" / "test_quickstart.py").read_text()
    for page in ("DEPLOYMENT_CHECKLIST.md", "PIPELINE_DOCUMENTATION.md", "QUERIES_REFERENCE.md"):
        missing = [name for name in steps(f"docs/{page}") if f'"{name}"' not in runner]
        assert not missing, page
    # Tests of their own run those of the runbook, from first to last, and of the roles.
    for page in set(PAGES) - {"docs/RUNBOOK.md", "docs/IAM.md"}:
        blocks = text_of(page).count("```bash\n")
        assert blocks == len(steps(page)), f"{page}: a bash block has no step"


# Names of the template, the job and the tables.


@pytest.mark.parametrize("page", PAGES)
def test_parameters_outputs_and_arguments_exist(page: str) -> None:
    text, template = text_of(page), load_template()
    named = set(re.findall(r"ParameterKey=(\w+)", text))
    assert named <= set(template["Parameters"])
    assert set(re.findall(r"OutputKey=='(\w+)'", text)) <= set(template["Outputs"])
    arguments = set(re.findall(r"--([a-z]+(?:_[a-z]+)+)", code(text)))
    assert arguments <= set(etl.Options.__dataclass_fields__)


def schema() -> dict[str, dict[str, dict[str, str]]]:
    """Columns with their types by database and table; gold's also without a database."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for layer in ("bronze", "silver", "gold"):
        of_layer = {}
        for table in tables(layer):
            columns, keys = table_columns(layer, table)
            of_layer[table] = dict(columns + keys)
        found[f"{layer}_student_001"] = of_layer
    return found


def sql_blocks() -> list[tuple[str, str]]:
    return [
        (page, block)
        for page in PAGES
        for block in re.findall(r"```sql\n(.*?);\n```", text_of(page), re.DOTALL)
    ]


@pytest.mark.parametrize(("page", "sql"), sql_blocks())
def test_columns_of_every_statement_exist(page: str, sql: str) -> None:
    statement = sqlglot.parse_one(sql, read="athena")
    qualify(
        statement,
        schema=schema(),
        db="gold_student_001",
        dialect="athena",
        validate_qualify_columns=True,
    )


@pytest.mark.parametrize("page", PAGES)
def test_tables_that_are_named_with_their_layer_exist(page: str) -> None:
    known = {f"{layer}.{name}" for layer in ("bronze", "silver", "gold") for name in tables(layer)}

    assert set(re.findall(r"\b(?:bronze|silver|gold)\.[a-z]\w+", text_of(page))) <= known


def test_every_reason_to_reject_is_explained() -> None:
    text = text_of("docs/PIPELINE_DOCUMENTATION.md")

    assert [reason for reason in etl.REASONS if f"`{reason}`" not in text] == []


def test_every_column_of_an_answer_is_explained() -> None:
    text = text_of("docs/QUERIES_REFERENCE.md")
    for question in record.load()["questions"].values():
        assert [name for name in question["columns"] if f"`{name}`" not in text] == []


# Figures.


def test_the_blog_post_has_the_words_of_an_article() -> None:
    words = re.findall(r"[A-Za-z][\w'-]*", prose(text_of(BLOG)))

    assert 1_500 <= len(words) <= 2_500


# Each figure of the post's own sentences, and what is the page or file that has it.
FIGURES = {
    "1.42 times": "docs/adr/0003-gold-is-added-to.md",
    "1.71 times": "docs/adr/0003-gold-is-added-to.md",
    "some 300": "docs/adr/0003-gold-is-added-to.md",
    "2,625": "docs/adr/0002-steps-as-sql.md",
    "653": "docs/adr/0002-steps-as-sql.md",
    "29.9 ": "docs/PIPELINE_DOCUMENTATION.md",
    "29.90": "docs/PIPELINE_DOCUMENTATION.md",
    "6.0": "docs/COST.md",
    "3.11": "README.md",
}


def test_figures_of_the_blog_post_are_those_of_other_pages() -> None:
    said = re.findall(r"\d[\d,]*(?:\.\d+)?", prose(text_of(BLOG)))
    figures = {one for one in said if "." in one or len(one.replace(",", "")) > 2}

    assert figures == {re.sub(r"[^\d.,]", "", one) for one in FIGURES}
    for figure, page in FIGURES.items():
        assert figure in re.sub(r"\s+", " ", text_of(page)), f"{page} has no {figure}"


def test_a_measured_sentence_is_told_once_its_figure_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sentence = "Twelfth file: {naive_ratio_at_12} times, {duckdb_ratio.a}."
    page = f"<!-- measured\n{sentence}\n-->\n<!-- end -->"
    monkeypatch.setattr(report, "load", dict)
    assert documents.brought_up_to_date(page) == page

    monkeypatch.setattr(report, "load", lambda: {"naive_ratio_at_12": 7.5})
    assert documents.brought_up_to_date(page) == page

    found = {"naive_ratio_at_12": 7.5, "duckdb_ratio": {"a": 2.25}}
    monkeypatch.setattr(report, "load", lambda: found)
    told = documents.brought_up_to_date(page)
    assert told.splitlines()[3:] == ["", "Twelfth file: 7.5 times, 2.25.", "", "<!-- end -->"]
    assert documents.brought_up_to_date(told) == told
    assert "| 7.5 |" in documents.results()


def test_a_figure_that_nobody_measures_is_refused() -> None:
    with pytest.raises(KeyError, match="speed"):
        documents.brought_up_to_date("<!-- measured\n{speed} times\n-->\n<!-- end -->")


# Pictures.

NUMBER = re.compile(r"-?\d+\.\d+")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diagrams")
    for name, draw in DIAGRAMS.items():
        draw().save(folder / f"{name}.svg")
    return folder


@pytest.mark.parametrize("name", DIAGRAMS)
def test_diagrams_are_what_their_source_draws(name: str, drawn: Path) -> None:
    kept, new = ((folder / f"{name}.svg").read_text() for folder in (ROOT / "docs/images", drawn))

    assert NUMBER.sub("#", kept) == NUMBER.sub("#", new), "make diagrams"
    # Another machine may round the last digit otherwise.
    pairs = zip(NUMBER.findall(kept), NUMBER.findall(new), strict=True)
    assert all(abs(float(one) - float(two)) < 0.01 for one, two in pairs), "make diagrams"


@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_diagrams_png_is_of_its_svg_and_opaque(name: str) -> None:
    svg = ROOT / "docs" / "images" / f"{name}.svg"
    png = svg.with_suffix(".png")
    picture = image.imread(png)

    assert hashlib.sha256(svg.read_bytes()).hexdigest().encode() in png.read_bytes()
    assert picture.shape[1] == 1_600
    assert picture[8, 800].tolist() == [1, 1, 1, 1]


def test_the_timeline_adds_up_to_what_glue_says_of_each_run() -> None:
    runs: list[dict[str, Any]] = record.load()["runs"]

    assert len(runs) == 3
    for run in runs:
        seconds = timeline.seconds_of(run)
        begun, ended = (etl.datetime.fromisoformat(run["glue"][key]) for key in record.TIMES)
        assert seconds.keys() <= timeline.STEPS.keys()
        assert min(seconds.values()) >= 0
        assert sum(seconds.values()) == pytest.approx((ended - begun).total_seconds(), abs=0.2)
