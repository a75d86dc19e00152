"""Sensitive values are read back as they were recorded, and nothing of them can be read where they are stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sensitive_cases import NOW, decided, dump, executed, traces_of
from uuid6 import uuid7

from chalicelib import intake, trace
from chalicelib.engine import Engine
from chalicelib.known import Known
from chalicelib.photo import PhotoPolicy
from chalicelib.redaction import leaves_of
from chalicelib.rows import Record, Taken, decision_row, result_rows
from chalicelib.run import Intake
from chalicelib.sensitive import Collecting
from chalicelib.store import Store
from chalicelib.usecase import UseCase
from chalicelib.vault import Vault, new_key

# Fields of every kind: (annotation, strategy of what JSON holds), plain or sensitive, in containers or not.

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
SECRETS = st.builds(
    "비밀-{0:012x}-{1}".format, st.integers(0, 2**48 - 1), WORDS
)  # long enough not to be there by chance
LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "str": SECRETS,
    "int": st.integers(10**11, 10**15),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "date": st.dates().map(date.isoformat),
    "datetime": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    "Color": st.sampled_from(["빨강", "파랑"]),
    "Literal['가', '나']": st.sampled_from(["가", "나"]),
    "Person": st.fixed_dictionaries(
        {"theName": SECRETS},
        optional={"visits": st.integers(0, 9), "more": WORDS, "friends": st.just([{"theName": "친구 비밀"}])},
    ),
}
CONTAINERS: dict[str, Callable[[st.SearchStrategy[Any]], st.SearchStrategy[Any]]] = {
    "{}": lambda leaf: leaf,
    "{} | None": lambda leaf: st.none() | leaf,
    "list[{}]": lambda leaf: st.lists(leaf, max_size=3),
    "dict[str, {}]": lambda leaf: st.dictionaries(WORDS.filter(lambda key: key != "$sealed"), leaf, max_size=3),
    "tuple[{}, int]": lambda leaf: st.tuples(leaf, st.integers(0, 9)).map(list),
}


@st.composite
def fields(draw: st.DrawFn) -> tuple[str, Any]:
    """An annotation, sensitive in a place or not at all, and a value for it."""
    name = draw(st.sampled_from(sorted(LEAVES)))
    container = draw(st.sampled_from(sorted(CONTAINERS)))
    where = draw(st.sampled_from(["inside", "outside", "both", "nowhere"]))
    inner = f"Sensitive[{name}]" if where in ("inside", "both") else name
    annotation = container.format(inner)
    annotation = f"Sensitive[{annotation}]" if where in ("outside", "both") else annotation
    value = draw(CONTAINERS[container](LEAVES[name]))
    return annotation, public(value) if where == "nowhere" else value


def public(value: Any) -> Any:
    """The same without what the test looks for: a sensitive field may hold what a plain one holds by chance."""
    if isinstance(value, dict):
        return {key: item if key == "theName" else public(item) for key, item in value.items()}
    if isinstance(value, list):
        return [public(item) for item in value]
    if isinstance(value, str):
        return value.replace("비밀", "공개")
    return -value if type(value) is int else value


def source_of(found: list[tuple[str, Any]]) -> str:
    """A use case with these fields, a task that gives the first back, and a decision that holds all of them."""
    declared = "".join(f"    f{at}: {annotation}\n" for at, (annotation, _) in enumerate(found))
    copied = ", ".join(f"f{at}=request.f{at}" for at in range(len(found)))
    return f"""
class Request(BaseModel):
    user_id: Subject
    always: Sensitive[str]
{declared}
class Decision(BaseModel):
    outcome: str
    always: Sensitive[str]
{declared}
@task(timeout=5)
def first(f0: {found[0][0]}, always: str) -> {found[0][0]}:
    return f0

@task(timeout=5)
def secret(always: str) -> Sensitive[str]:
    return always

@task(timeout=5)
def later(secret: str, request: Request) -> dict[str, Sensitive[str]]:
    return {{"길이": secret}}

def decide(first, later, request: Request) -> Decision:
    return Decision(outcome="ok", always=later["길이"], {copied})
"""


def sensitive_texts(usecase: UseCase, request: Intake) -> Iterator[str]:
    """The long texts and whole numbers in the sensitive fields of a request that are nowhere else in it."""
    found = Collecting()
    request.sealed.model_dump_json(round_trip=True, context=found)
    for text in found.texts:
        for leaf in leaves_of(json.loads(text)):
            if str(leaf).startswith("비밀") or (type(leaf) is int and leaf >= 10**11):
                yield str(leaf)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(fields(), min_size=1, max_size=4), always=SECRETS)
def test_what_is_stored_is_read_back_and_nothing_of_it_can_be_read(
    database_url: str, engine: Engine, found: list[tuple[str, Any]], always: str
) -> None:
    """Record, store, read, open, unseal: the equal request; its logic decides the same; its keys are the same."""
    vault, store = Vault([new_key()]), Store(database_url)
    usecase = executed(source_of(found), ("first", "secret", "later"))
    body = {"user_id": "회원-1", "always": always} | {f"f{at}": value for at, (_, value) in enumerate(found)}
    request, run, record = decided(usecase, json.dumps(body), engine, vault)
    assert run.failure is None, run.failure
    store.save(record)
    row, facts = store.get(record.decision["id"]), store.results(record.decision["id"])
    assert row is not None
    opened = vault.open(row["request"])
    assert opened == request.record
    again = intake.unseal(usecase.request_model, opened)
    assert again == request.sealed
    outputs = {fact["task"]: vault.open(fact["output"]) for fact in facts}
    assert outputs == {fact.task: fact.output for fact in run.facts}
    assert vault.open(row["decision"]) == run.decision
    logic = trace.recompute(usecase, opened, dict(outputs), row["created_at"])
    assert logic["decide"]["result"] == json.loads(run.decision or "")
    known = Known(usecase, Intake(again, again, opened, vault.open_salt(row["salt"])), row["created_at"])
    known.texts.update(outputs)
    keys = {fact["task"]: fact["fact_key"] for fact in facts}
    assert keys == {name: known.fact_key(usecase.graph.by_name[name]) for name in keys}
    data = dump(store)
    for text in sensitive_texts(usecase, request):
        assert [form for form in traces_of(text) if form in data] == []
    shown = json.dumps(trace.build(row, facts, usecase, True, vault=vault), ensure_ascii=False)
    assert always not in shown and '"recomputed"' in shown
    store.close()


def test_what_the_property_looks_for_is_found_where_nothing_is_sealed(tmp_path: Path, engine: Engine) -> None:
    """So it can fail."""
    store, text = Store(f"sqlite:///{tmp_path}/decisions.db"), "비밀-0123456789ab-긴 글"
    usecase = executed(source_of([("str", "")]).replace("Sensitive[str]", "str"))
    assert not usecase.sensitive
    request = intake.read(usecase.request_model, json.dumps({"user_id": "u", "always": text, "f0": ""}), PhotoPolicy())
    taken = Taken(str(uuid7()), NOW, "앱", "local")
    run = engine.run(usecase, request, NOW, 10)
    store.save(Record(decision_row(taken, usecase, request, run, 1.0), result_rows(taken.id, run)))
    assert any(form in dump(store) for form in traces_of(text))
    store.close()
