"""The price list: built into the manifest, and as it was last built while something is wrong in it."""

from __future__ import annotations

from typing import Any

import pytest

GOOD = 'rekognition: {faces: {usd: 0.001, per: 1 picture, source: "https://example.com", date: 2026-11-01}}\n'
BAD = GOOD.replace("0.001", "cheap")


@pytest.fixture
def priced(project: Any, sound: Any) -> Any:
    """A built project with a price list."""
    project.notebook("photo_review", sound())
    project.file("usecases/pricing.yaml", GOOD)
    assert project.build().changes["price list"] == "built"
    return project


def test_prices_are_in_the_manifest(priced: Any) -> None:
    assert priced.manifest["pricing"]["rekognition"]["faces"]["usd"] == 0.001
    assert priced.build().changes == {} and priced.check().changes == {}


def test_a_changed_price_makes_the_build_stale(priced: Any) -> None:
    priced.file("usecases/pricing.yaml", GOOD.replace("0.001", "0.002"))
    assert priced.check().changes == {"price list": "built", "manifest.json": "built"}
    assert priced.build().changes == {"price list": "built"}
    assert priced.manifest["pricing"]["rekognition"]["faces"]["usd"] == 0.002


def test_a_price_list_with_a_mistake_is_reported_until_it_is_mended_and_the_last_good_one_stays(priced: Any) -> None:
    priced.file("usecases/pricing.yaml", BAD)
    for _ in range(2):
        report = priced.build()
        (problem,) = report.problems
        assert (problem.notebook, problem.rule, problem.line) == ("usecases/pricing.yaml", "price-list", 1)
        assert report.changes["price list"] == "not built"
    assert priced.manifest["pricing"]["rekognition"]["faces"]["usd"] == 0.001
    priced.file("usecases/pricing.yaml", GOOD)
    assert not priced.build().problems


def test_without_a_price_list_there_is_none(priced: Any) -> None:
    (priced.root / "usecases" / "pricing.yaml").unlink()
    assert priced.build().changes == {"price list": "built"}
    assert "pricing" not in priced.manifest
