"""The price list: ours holds, and what is wrong with one is named with its line."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from chalicelib.costs import of_call
from chalicelib.providers import PROVIDERS
from workbench import pricing
from workbench.project import Project

PATH = "usecases/pricing.yaml"
ROOT = Path(__file__).parents[2]

SOUND = """\
rekognition:
  moderation: &picture
    usd: 0.001
    per: 1 picture
    region: us-east-1
    source: https://aws.amazon.com/rekognition/pricing/
    date: 2026-10-07
  faces: *picture
bigquery:
  query: {usd: 6.25, per: 1 TiB, source: a page, date: 2026-06-01, note: on demand}
"""


def read(text: str) -> tuple[Any, list[tuple[int, str]]]:
    """The prices, and line and message of every problem."""
    prices, problems = pricing.parse(text.encode(), PATH)
    assert {(problem.notebook, problem.cell, problem.rule) for problem in problems} <= {(PATH, 0, "price-list")}
    return prices, [(problem.line, problem.message) for problem in problems]


def test_a_price_is_read_with_its_unit_and_where_it_is_from() -> None:
    prices, problems = read(SOUND)
    assert problems == []
    assert prices["rekognition"]["faces"] == {
        "usd": 0.001,
        "per": 1,
        "unit": "picture",
        "region": "us-east-1",
        "source": "https://aws.amazon.com/rekognition/pricing/",
        "date": "2026-10-07",
    }
    assert prices["bigquery"]["query"]["per"] == 2**40
    assert prices["bigquery"]["query"]["unit"] == "byte"
    assert json.loads(json.dumps(prices)) == prices


@pytest.mark.parametrize(
    ("operation", "per", "number", "unit"),
    [
        ("rekognition/text", "1000 pictures", 1000, "picture"),
        ("http/any", "1 call", 1, "call"),
        ("sagemaker/predict", "10 items", 10, "item"),
        ("vertex_ai/embedding", "1,000,000 characters", 1_000_000, "character"),
        ("vertex_ai/embedding", "1_000 characters", 1000, "character"),
        ("bigquery/predict", "2 GiB", 2**31, "byte"),
    ],
)
def test_a_number_of_units_is_read(operation: str, per: str, number: int, unit: str) -> None:
    provider, name = operation.split("/")
    prices, problems = read(f"{provider}: {{{name}: {{usd: 1, per: '{per}', source: a page, date: 2026-10-07}}}}")
    assert problems == []
    assert (prices[provider][name]["per"], prices[provider][name]["unit"]) == (number, unit)


@pytest.mark.parametrize(
    ("operation", "per"),
    [
        ("rekognition/text", "1 item"),
        ("sagemaker/predict", "1 picture"),
        ("sagemaker/embedding", "1000 characters"),
        ("vertex_ai/predict", "1000 characters"),
        ("http/query", "1 TiB"),
        ("google_vision/any", "1000 pictures"),
    ],
)
def test_a_unit_that_calls_are_not_counted_in_is_refused(operation: str, per: str) -> None:
    """Its price would be multiplied by the number of something else."""
    provider, name = operation.split("/")
    text = f"{provider}:\n  {name}:\n    per: {per}\n    usd: 1\n    source: a page\n    date: 2026-10-07\n"
    ((line, message),) = read(text)[1]
    assert line == 3
    assert f"{operation} are not counted in {per.split()[1]}" in message


BAD = {  # what -> (its place in the sound list, what stands there instead, line, what the message names)
    "an unknown provider": ("bigquery:", "bigqery:", 9, "did you mean 'bigquery'?"),
    "an unknown capability": ("  faces:", "  face:", 8, "did you mean 'faces'?"),
    "a model of nothing": ("  faces:", "  faces/:", 8, "faces/"),
    "a model of any": ("  faces:", "  any/m:", 8, "any/m"),
    "an unknown key": ("    region:", "    regoin:", 5, "did you mean 'region'?"),
    "no date": ("    date: 2026-10-07\n", "", 2, "'date' is missing"),
    "no source": ("source: a page, ", "", 10, "'source' is missing"),
    "a text for a price": ("usd: 0.001", "usd: free", 3, "'free'"),
    "true for a price": ("usd: 0.001", "usd: yes", 3, "True"),
    "a negative price": ("usd: 0.001", "usd: -1", 3, "-1"),
    "a price without a unit": ("per: 1 picture", "per: 1", 4, "1000 pictures"),
    "tokens, which no call counts": ("per: 1 picture", "per: 1 token", 4, "'1 token'"),
    "an unknown unit": ("per: 1 picture", "per: 1 hour", 4, "'1 hour'"),
    "none of a unit": ("per: 1 picture", "per: 0 pictures", 4, "'0 pictures'"),
    "a fraction of a unit": ("per: 1 picture", "per: 0.5 pictures", 4, "'0.5 pictures'"),
    "a unit written as bytes are not": ("1 TiB", "1 TB", 10, "'1 TB'"),
    "a day that there is not": ("date: 2026-10-07", "date: 2026-02-30", 7, "2026-02-30"),
    "a month for a day": ("date: 2026-10-07", "date: 2026-10", 7, "2026-10"),
    "an empty source": ("source: https://aws.amazon.com/rekognition/pricing/", "source: ''", 6, "not a text"),
    "a number for a region": ("region: us-east-1", "region: 1", 5, "not a text"),
    "a provider without operations": (SOUND[SOUND.index("\n  query") :], "\n", 9, "an operation and its price"),
    "a number for an operation": ("faces: *picture", "faces: 0.001", 8, "give a mapping"),
    "a provider twice": ("bigquery:", "rekognition:", 9, "stands there twice"),
    "an operation twice": ("  faces:", "  moderation:", 8, "stands there twice"),
    "a key twice": ("    per: 1 picture", "    usd: 2\n    per: 1 picture", 4, "stands there twice"),
    "no YAML": ("  faces: *picture", "  faces: [", 10, "not YAML"),
    "a date that YAML would make one": ("usd: 0.001", "usd: 2026-01-31", 3, "2026-01-31"),
    "an endless price": ("usd: 0.001", "usd: .inf", 3, "inf is not a number"),
    "a tag that would run code": ("usd: 0.001", "usd: !!python/object/apply:os.getcwd []", 3, "not YAML"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_price_list_gives_no_price_and_says_in_which_line_what_is_wrong(case: str) -> None:
    good, bad, line, named = BAD[case]
    assert good in SOUND
    prices, problems = read(SOUND.replace(good, bad, 1))
    assert prices == {}
    assert any(where == line and named in message for where, message in problems), problems


@pytest.mark.parametrize("text", ["- rekognition", "rekognition", "1"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    ((line, message),) = read(text)[1]
    assert (line, "mapping" in message) == (1, True)


def test_all_problems_are_named_at_once() -> None:
    text = (
        SOUND.replace("usd: 6.25", "usd: '6.25'").replace("bigquery", "big").replace("date: 2026-10-07", "date: soon")
    )
    assert {line for line, _ in read(text)[1]} == {7, 9}
    both = SOUND.replace("usd: 6.25", "usd: '6.25'").replace("1 TiB", "1 TB")
    assert [line for line, _ in read(both)[1]] == [10, 10]


def test_a_problem_shows_its_line_and_column() -> None:
    (problem,) = pricing.parse(SOUND.replace("usd: 6.25", "usd: -1").encode(), PATH)[1]
    assert problem.code.strip().startswith("query: {usd: -1")
    assert problem.code[problem.column - 1 :].startswith("usd")


def test_an_unreadable_encoding_is_reported() -> None:
    prices, (problem,) = pricing.parse("# 가격\n".encode("cp949"), PATH)
    assert (prices, problem.rule) == ({}, "price-list")


def test_a_project_without_the_file_has_no_prices_and_no_problem(project: Any) -> None:
    assert pricing.read(project) == ({}, [])


def test_a_project_has_the_prices_of_its_file(project: Any) -> None:
    project.file(PATH, SOUND)
    prices, problems = pricing.read(project)
    assert problems == []
    assert prices.keys() == {"rekognition", "bigquery"}


def test_something_else_of_that_name_is_a_problem(project: Any) -> None:
    (project.root / PATH).mkdir()
    prices, (problem,) = pricing.read(project)
    assert (prices, problem.notebook) == ({}, PATH)


def test_our_own_price_list_holds_and_names_every_provider() -> None:
    prices, problems = pricing.read(Project(ROOT))
    assert problems == []
    assert prices.keys() == PROVIDERS.keys()


@pytest.mark.parametrize("provider", ["rekognition", "google_vision"])
@pytest.mark.parametrize("capability", ["moderation", "faces", "text", "labels"])
def test_our_own_price_list_prices_every_look_at_a_picture(provider: str, capability: str) -> None:
    prices = pricing.read(Project(ROOT))[0]
    cost = of_call({"provider": provider, "capability": capability, "model": "m"}, prices)
    assert 0 < cost.estimate < 1
    assert cost.unpriced == frozenset()


def test_every_price_of_ours_that_is_not_nothing_names_its_public_page_and_region() -> None:
    for operations in pricing.read(Project(ROOT))[0].values():
        for name, price in operations.items():
            if price["usd"]:
                assert price["source"].startswith("https://"), name
                assert price["region"], name


def test_a_serverless_endpoint_may_have_a_price_of_its_own() -> None:
    text = textwrap.dedent("""\
        sagemaker:
          any: {usd: 0, per: 1 call, source: a page, date: 2026-11-25}
          predict/churn: {usd: 0.00002, per: 1 call, source: our own measure, date: 2026-11-25}
    """)
    prices, problems = read(text)
    assert problems == []
    call = {"provider": "sagemaker", "capability": "predict", "asked": "churn", "model": "churn-v3"}
    assert float(of_call(call, prices).estimate) == 0.00002
