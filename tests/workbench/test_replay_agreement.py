"""Estimates from labels: by hand, and over many samples of a population that is known."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from scipy.stats import beta

from workbench.labelling import draw
from workbench.replaying.agreement import Cell, agreement

POPULATION = {("approve", "approve"): 90, ("approve", "reject"): 10, ("reject", "reject"): 20}


def test_without_labels_there_is_none() -> None:
    assert agreement({}, {("pay", "pay"): 10}) is None


def test_weights_make_up_for_equal_shares() -> None:
    """100 approved, of which 10 are drawn and 1 should be rejected; 20 rejected, of which 10 are drawn, all rightly."""
    cells = {
        Cell("approve", 10.0, "approve", "approve", "approve"): 9,
        Cell("approve", 10.0, "reject", "approve", "reject"): 1,
        Cell("reject", 2.0, "reject", "reject", "reject"): 10,
    }
    found = agreement(cells, POPULATION)
    assert found is not None
    before, after = found.metrics["recall[reject]"]
    assert before is not None and after is not None
    assert before.value == pytest.approx(20 / 30)  # not 10/11
    assert after.value == 1.0
    assert found.metrics["precision[approve]"][0].value == pytest.approx(0.9)  # type: ignore[union-attr]
    assert found.metrics["agreement"][0].value == pytest.approx(110 / 120)  # type: ignore[union-attr]
    assert (found.drawn, found.others) == (20, 0)


def test_what_was_drawn_and_not_labelled_is_made_up_for() -> None:
    """Half of the approved ones were labelled: each stands for twice as many."""
    half = {
        Cell("approve", 10.0, "approve", "approve", "approve"): 4,
        Cell("approve", 10.0, "reject", "approve", "approve"): 1,
        Cell("reject", 2.0, "reject", "reject", "reject"): 10,
    }
    found = agreement(half, POPULATION)
    assert found is not None
    assert found.metrics["recall[reject]"][0].value == pytest.approx(20 / 40)  # type: ignore[union-attr]


def test_how_many_flip_is_known_and_not_estimated() -> None:
    """Of 100 approved ones 2 flip, and a label says that one of these is right: it does not stand for ten."""
    cells = {
        Cell("approve", 10.0, "approve", "approve", "approve"): 9,
        Cell("approve", 10.0, "reject", "approve", "reject"): 1,
        Cell("reject", 2.0, "reject", "reject", "reject"): 10,
    }
    found = agreement(cells, {("approve", "approve"): 98, ("approve", "reject"): 2, ("reject", "reject"): 20})
    assert found is not None
    before, after = found.metrics["recall[reject]"]
    assert before is not None and after is not None
    assert (before.value, after.value) == (pytest.approx(20 / 22), 1.0)
    assert found.metrics["precision[reject]"][1].value == 1.0  # type: ignore[union-attr]


def test_labels_of_what_was_not_drawn_count_only_alone() -> None:
    drawn = {Cell("approve", 10.0, "approve", "approve", "approve"): 5}
    others = {Cell("approve", None, "reject", "approve", "approve"): 5}
    both = agreement(drawn | others, {("approve", "approve"): 50})
    alone = agreement(others, {("approve", "approve"): 50})
    assert both is not None and alone is not None
    assert (both.drawn, both.others, both.metrics["agreement"][0].value) == (5, 5, 1.0)  # type: ignore[union-attr]
    assert (alone.drawn, alone.others, alone.metrics["agreement"][0].value) == (0, 5, 0.0)  # type: ignore[union-attr]


def test_an_interval_of_one_group_is_jeffreys() -> None:
    """50 of which 45 agree: Jeffreys' interval is 0.794 to 0.960, by the quantiles of a beta distribution."""
    cells = {
        Cell("approve", None, "approve", "approve", "approve"): 45,
        Cell("approve", None, "reject", "approve", "approve"): 5,
    }
    found = agreement(cells, {})
    assert found is not None
    estimate = found.metrics["agreement"][0]
    assert estimate is not None
    assert (estimate.low, estimate.high) == pytest.approx(beta.ppf((0.025, 0.975), 45.5, 5.5), abs=0.015)


def test_an_interval_allows_for_mistakes_that_no_label_shows() -> None:
    cells = {
        Cell("approve", 40.0, "approve", "approve", "approve"): 100,
        Cell("reject", 2.0, "reject", "reject", "reject"): 100,
    }
    found = agreement(cells, {("approve", "approve"): 4000, ("reject", "reject"): 200})
    assert found is not None
    estimate = found.metrics["recall[reject]"][0]
    assert estimate is not None
    assert estimate.value == 1.0
    assert 0.6 < estimate.low < 0.8  # as many as 100 of 4,000 may be wrong


def test_outcomes_without_a_label_are_left_out() -> None:
    cells = {Cell("reject", 2.0, "reject", "reject", "reject"): 9, Cell("reject", 2.0, "pay", "reject", "reject"): 1}
    found = agreement(cells, {("reject", "reject"): 20, ("pay", "pay"): 900})
    assert found is not None
    assert found.left_out == ("pay",)
    assert found.metrics["agreement"][0].value == 0.9  # type: ignore[union-attr]


def test_no_metric_of_an_outcome_that_is_none() -> None:
    found = agreement({Cell("failed", None, "pay", "failed", "pay"): 3}, {("failed", "pay"): 3})
    assert found is not None
    assert set(found.metrics) == {"precision[pay]", "recall[pay]", "agreement"}
    assert found.metrics["precision[pay]"][0] is None
    assert found.metrics["recall[pay]"][1].value == 1.0  # type: ignore[union-attr]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """A population of 5,000 whose truth is known, sampled as `artemis labels sample` does, 400 times."""
    random = Random(7)
    population = []
    for number in range(5_000):
        decided = random.choices(("approve", "review", "reject"), (80, 15, 5))[0]
        wrong = {"approve": 0.04, "review": 0.3, "reject": 0.1}[decided]
        truth = random.choice([one for one in ("approve", "review", "reject") if one != decided])
        population.append((f"id-{number}", decided, truth if random.random() < wrong else decided))
    sizes = Counter((decided, decided) for _, decided, _ in population)
    truths = {decision_id: (decided, truth) for decision_id, decided, truth in population}
    rejected = [(decided, truth) for _, decided, truth in population if truth == "reject"]
    recall = sum(decided == "reject" for decided, _ in rejected) / len(rejected)
    within, values = 0, []
    for seed in range(400):
        _, drawn = draw(((one, decided) for one, decided, _ in population), 300, seed)
        cells = Counter[Cell]()
        for one in drawn:
            decided, truth = truths[one.id]
            cells[Cell(one.stratum, one.weight, truth, decided, decided)] += 1
        found = agreement(cells, sizes)
        assert found is not None
        estimate = found.metrics["recall[reject]"][0]
        assert estimate is not None
        values.append(estimate.value)
        within += estimate.low <= recall <= estimate.high
    assert sum(values) / len(values) == pytest.approx(recall, abs=0.02)
    assert 0.92 <= within / 400 <= 0.99
