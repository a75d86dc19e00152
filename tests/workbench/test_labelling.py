"""Drawing decisions to label: what each outcome gets, and what the weights are for."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from statistics import mean

import pytest

from workbench.labelling import TooManyStrata, draw, shares


def test_small_strata_are_taken_whole_and_the_others_share_the_rest() -> None:
    assert shares({"a": 1000, "b": 1000, "c": 1000}, 200) == {"a": 66, "b": 67, "c": 67}
    assert shares({"a": 1000, "b": 10, "c": 1000}, 200) == {"a": 95, "b": 10, "c": 95}
    assert shares({"a": 3, "b": 2}, 200) == {"a": 3, "b": 2}
    assert shares({}, 200) == {}
    generator = random.Random(5)
    for _ in range(200):
        counts = {str(name): generator.choice([1, 5, 50, 5000]) for name in range(generator.randint(1, 9))}
        size = generator.randint(len(counts), 400)
        found = shares(counts, size)
        assert sum(found.values()) == min(size, sum(counts.values()))
        assert all(1 <= found[name] <= count for name, count in counts.items())
        whole = [share for name, share in found.items() if share < counts[name]]
        assert not whole or max(found.values()) - min(whole) <= 1  # those that were not taken whole are equally large


def population(seed: int, count: int = 2500) -> dict[str, tuple[str, bool]]:
    """Id -> (outcome, whether it should have been rejected): one approved in fifty, and most rejected ones."""
    generator = random.Random(seed)
    made = {}
    for number in range(count):
        outcome = generator.choices(["approve", "review", "reject"], [90, 7, 3])[0]
        made[f"id-{number}"] = outcome, generator.random() < {"approve": 0.02, "review": 0.3, "reject": 0.9}[outcome]
    return made


def test_recall_is_estimated_without_bias_by_the_weights_and_with_a_large_one_without_them() -> None:
    """Recall: of what should have been rejected, the share that was not approved."""
    people = population(1)
    bad = [outcome for outcome, is_bad in people.values() if is_bad]
    recall = sum(outcome != "approve" for outcome in bad) / len(bad)

    def estimates(seed: int) -> tuple[float, float]:
        _, drawn = draw(((one, outcome) for one, (outcome, _) in people.items()), 600, seed)
        found = [(one.stratum, one.weight) for one in drawn if people[one.id][1]]
        rejected = [weight for stratum, weight in found if stratum != "approve"]
        return sum(rejected) / sum(weight for _, weight in found), len(rejected) / len(found)

    weighted, plain = map(mean, zip(*map(estimates, range(60)), strict=True))
    assert 0.7 < recall < 0.8
    assert abs(weighted - recall) < 0.04  # one draw's standard deviation is 0.07, the mean's 0.01
    assert plain - recall > 0.15


def test_every_decision_of_a_stratum_is_drawn_equally_often() -> None:
    times: Counter[str] = Counter()
    for seed in range(2000):
        times.update(one.id for one in draw([(str(number), "a") for number in range(20)], 5, seed)[1])
    assert len(times) == 20
    assert all(400 < count < 600 for count in times.values())  # 500 on average, standard deviation 19


def test_a_seed_draws_the_same_in_whichever_order_decisions_come() -> None:
    members = [(one, outcome) for one, (outcome, _) in population(2).items()]
    first = draw(members, 50, 3)[1]
    random.Random(1).shuffle(members)
    assert draw(members, 50, 3)[1] == first
    assert draw(members, 50, 4)[1] != first
    assert [one.stratum for one in first] != sorted(one.stratum for one in first)


def test_memory_does_not_grow_with_the_population() -> None:
    tracemalloc.start()
    strata, drawn = draw(((f"{number:036d}", "ab"[number % 7 == 0]) for number in range(30_000)), 100, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [one.population for one in strata] == [25_714, 4_286]
    assert len(drawn) == 100
    assert peak < 300_000


def test_texts_are_no_strata() -> None:
    with pytest.raises(TooManyStrata, match="over 100 outcomes"):
        draw(((str(number), f"text {number}") for number in range(1000)), 500, 1)
