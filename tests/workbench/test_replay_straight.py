"""The straight path decides as the engine does, with and without results that are kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.reviews import use_case
from chalicelib import intake
from chalicelib.trace import recompute
from workbench.replaying.memo import LONGEST, SIZE, TRIAL, Memo
from workbench.replaying.straight import Straight

REVIEW = use_case()
STRAIGHT, KEEPING = Straight(REVIEW, memo=False), Straight(REVIEW, memo=True)
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
SHARE = st.floats(0, 1).map(lambda value: round(value, 4))
WORDS = st.one_of(
    st.sampled_from(["", "010-1234-5678", "카톡 아이디: lovely22", "SALE 50%", "ㅋㅋ"]),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20),
)
FACTS = st.fixed_dictionaries(
    {
        "moderation": st.one_of(
            st.none(),
            st.builds(
                lambda nudity: {
                    "scores": {"nudity": nudity},
                    "source": {"provider": "local", "model": "m", "version": "1"},
                },
                SHARE,
            ),
        ),
        "faces": st.lists(
            st.builds(
                lambda height, confidence: {
                    "box": {"left": 0.1, "top": 0.1, "width": 0.2, "height": height},
                    "confidence": confidence,
                },
                SHARE,
                SHARE,
            ),
            max_size=3,
        ),
        "text": st.one_of(st.none(), st.lists(st.fixed_dictionaries({"text": WORDS, "confidence": SHARE}), max_size=3)),
        "quality": st.fixed_dictionaries({"brightness": SHARE, "contrast": SHARE}),
        "earlier_rejections": st.one_of(st.none(), st.lists(st.sampled_from(["2026-10-30T00:00:00Z"]), max_size=4)),
    }
)


@given(FACTS, st.integers(50, 2000), st.integers(50, 2000))
@settings(max_examples=500, deadline=None)
def test_the_same_as_step_by_step(facts: dict[str, Any], width: int, height: int) -> None:
    photo = {"digest": "sha256:" + "0" * 64, "format": "jpeg", "size": 9, "width": width, "height": height}
    record = json.dumps({"user_id": "회원-1", "photo": photo})
    texts = {task: _text(task, value) for task, value in facts.items()}
    expected = recompute(REVIEW, record, dict(texts), NOW)["decide"]["result"]
    for path in (STRAIGHT, KEEPING, KEEPING):
        request = intake.unseal(REVIEW.request_model, record)
        decided = path.decide(request, NOW, texts, None)
        assert json.loads(decided.model_dump_json()) == expected


def _text(task: str, value: Any) -> str:
    codec = REVIEW.graph.by_name[task].codec
    assert codec is not None
    return codec.encode(codec.decode(json.dumps(value)))


def test_what_depends_on_one_fact_alone_is_kept_for_each_text() -> None:
    assert set(KEEPING.closures) == {"moderation", "faces", "text", "quality"}
    assert "faint_text" in KEEPING.closures["text"]
    assert all("doubt" not in names and "decide" not in names for names in KEEPING.closures.values())
    assert STRAIGHT.closures == {}


class Made:
    def __init__(self, *values: Any) -> None:
        self.values, self.calls = values, list[str]()

    def __call__(self, text: str) -> tuple[Any, ...]:
        self.calls.append(text)
        return tuple(list(value) if isinstance(value, list) else value for value in self.values)


def test_a_text_is_looked_at_once_and_nobody_sees_what_others_did_to_a_list() -> None:
    made = Made(["a"], 1, None)
    memo = Memo(made)
    first = memo("x")
    first[0].append("b")
    second = memo("x")
    second[0].append("c")
    assert memo("x") == (["a"], 1, None)
    assert made.calls == ["x"]


def test_other_results_are_not_kept() -> None:
    for value in ({"a": 1}, [{"a": 1}], (1,), object()):
        made = Made(value)
        memo = Memo(made)
        memo("x")
        memo("x")
        assert made.calls == ["x", "x"]


def test_what_never_comes_again_is_not_kept_for_long() -> None:
    made = Made(1)
    memo = Memo(made)
    for number in range(TRIAL + 1):
        memo(str(number))
    memo("0")
    assert made.calls[-1] == "0"


def test_what_is_kept_has_an_end() -> None:
    made = Made(1)
    memo = Memo(made)
    for number in range(SIZE * 2):
        memo(str(number % (SIZE + 1)))
        memo(str(number % (SIZE + 1)))
    assert len(memo._found or ()) <= SIZE
    memo("y" * (LONGEST + 1))
    memo("y" * (LONGEST + 1))
    assert made.calls.count("y" * (LONGEST + 1)) == 2
