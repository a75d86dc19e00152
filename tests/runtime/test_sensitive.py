"""Sensitive values: sealed and opened byte for byte, masked where they are shown, refused where they cannot be."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import Text, cast, select
from uuid6 import uuid7

from chalicelib import intake, trace
from chalicelib.asking import Answer, Asking
from chalicelib.calling.reuse import Answers
from chalicelib.calling.router import Router
from chalicelib.calling.routing import Routing
from chalicelib.engine import Engine
from chalicelib.errors import ContractError, Invalid, KeyMissing, SettingsError
from chalicelib.facts import Codec, NotRecordable
from chalicelib.known import Known
from chalicelib.photo import PhotoPolicy
from chalicelib.questions import Question
from chalicelib.redaction import MOST_VALUES, Redaction, leaves_of
from chalicelib.rows import Record, Taken, answer_rows, decision_row, result_rows
from chalicelib.run import Intake, Run
from chalicelib.sealing import hide, opened_fact, sealed_fact, sealed_record
from chalicelib.sensitive import Collecting, Masking, Sensitive, masked
from chalicelib.store import Store
from chalicelib.store.tables import metadata
from chalicelib.usecase import Source, UseCase, from_namespace
from chalicelib.vault import LOCAL_KEY, Vault, local_key, new_key

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
HEAD = """\
import enum
from datetime import date, datetime
from typing import Annotated, Any, Literal
from pydantic import BaseModel, ConfigDict, Field, RootModel
from chalicelib.usecase import Photo, Sensitive, Subject, task

class Color(enum.Enum):
    RED = "빨강"
    BLUE = "파랑"

class Person(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: Sensitive[str] = Field(alias="theName")
    visits: int = 0
    friends: "list[Person]" = []
"""
_modules = itertools.count()


def executed(code: str, tasks: tuple[str, ...] = ()) -> UseCase:
    """A use case from code under the usual imports; ``tasks`` are those that get fact keys."""
    module = ModuleType(f"sensitive_case_{next(_modules)}")
    sys.modules[module.__name__] = module
    exec(HEAD + code, vars(module))
    source = Source("usecases/case.ipynb", tasks={name: {"source": name, "parameters": []} for name in tasks})
    return from_namespace("case", vars(module), source)


def decided(usecase: UseCase, body: str, engine: Engine, vault: Vault) -> tuple[Intake, Run, Record]:
    """One decision as the service makes it, and what it stores of it."""
    request = intake.read(usecase.request_model, body, PhotoPolicy())
    request = Intake(request.live, request.sealed, request.record, vault.new_salt())
    taken = Taken(str(uuid7()), NOW, "앱", "local")
    run = engine.run(usecase, request, NOW, 10, taken.id)
    hide(usecase, request, run)
    row = decision_row(taken, usecase, request, run, 1.0)
    record = Record(row, result_rows(taken.id, run), answer_rows(taken, run))
    return request, run, sealed_record(record, usecase, request, vault)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Router(Routing(), lambda name, _settings: name).models)


@pytest.fixture
def vault() -> Vault:
    return Vault([new_key()])


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


def dump(store: Store) -> bytes:
    """All that the database holds as text; for SQLite every byte of its files, too."""
    with store.database.read() as connection:
        rows = [
            row
            for table in metadata.sorted_tables
            for row in connection.execute(select(*(cast(column, Text) for column in table.columns)))
        ]
    texts = "\n".join(str(value) for row in rows for value in row).encode()
    name = store.database.engine.url.database
    files = Path(name).parent.glob(f"{Path(name).name}*") if store.database.dialect.name == "sqlite" and name else []
    return texts + b"".join(file.read_bytes() for file in files)


def traces_of(text: str) -> Iterator[bytes]:
    """How a text might stand somewhere: plainly, as JSON, or as a digest of either."""
    for form in {text, json.dumps(text), json.dumps(text, ensure_ascii=False)}:
        digest = hashlib.sha256(form.encode("utf-8", "surrogatepass"))
        yield from (form.encode("utf-8", "surrogatepass"), digest.hexdigest().encode(), digest.digest())


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


# Keys.


def test_rotation() -> None:
    a, b = new_key(), new_key()
    old = Vault([a]).member('"김철수"')
    both = Vault([b, a])
    assert both.open(old) == '"김철수"'
    new = both.member('"이영희"')
    assert Vault([b]).open(new) == '"이영희"'
    with pytest.raises(KeyMissing) as missing:
        Vault([b]).open(old)
    assert missing.value.status == 503 and "a key that this service does not have" in missing.value.detail
    assert Vault([b]).open_if_possible(old) is None
    assert both.secrets == [*Vault([b]).secrets, *Vault([a]).secrets] and len(set(both.secrets)) == 2


@pytest.mark.parametrize("bad", ["", "A", "not a token", "gAAAAA" + "B" * 90])
def test_a_damaged_token_is_none_that_can_be_opened(vault: Vault, bad: str) -> None:
    with pytest.raises(KeyMissing):
        vault.unseal(bad)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(SettingsError, match="artemis keys encryption"):
        Vault().seal("x")
    assert Vault().secrets == [] and Vault().open('{"a":1}') == '{"a":1}'


def test_many_that_need_the_local_key_at_once_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "new" / LOCAL_KEY
    assert Vault(path=path).secrets == [] and not path.exists()  # asking for secrets makes none
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(local_key, [path] * 32))
    assert len(keys) == 1 and [file.name for file in path.parent.iterdir()] == ["encryption.key"]
    token = Vault(path=path).seal("김철수")
    assert Vault(path=path).unseal(token) == "김철수" == Vault(keys.copy().pop().split()).unseal(token)
    assert len(Vault(path=path).secrets) == 1


def test_a_local_key_that_is_none_or_cannot_be_kept_is_said(tmp_path: Path) -> None:
    damaged, folder = tmp_path / "encryption.key", tmp_path / "file"
    damaged.write_text("한글", "utf-8")
    folder.write_text("")
    with pytest.raises(SettingsError, match="holds no key"):
        local_key(damaged)
    with pytest.raises(SettingsError, match="cannot be kept"):
        local_key(folder / "encryption.key")


# Opening and masking are of the text.


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"{\\"$sealed\\":\\"gAAA\\"}"}',
        '["{","$sealed","}"]',
        '{"a":"$sealed"}',
        '"{$sealed"',
        "{}",
    ],
)
def test_what_only_looks_like_a_sealed_member_stays(vault: Vault, text: str) -> None:
    assert vault.open(text) == text == masked(text)
    json.loads(text)


def test_a_sealed_member_within_a_sealed_one_is_opened_and_one_that_tells_of_sealing_is_left(vault: Vault) -> None:
    inner = json.dumps({"글": '{"$sealed":"x"}'}, ensure_ascii=False)
    outer = '{"a":' + vault.member('{"b":' + vault.member(inner) + "}") + "}"
    assert vault.open(outer) == '{"a":{"b":' + inner + "}}"
    assert masked(outer) == '{"a":"[sensitive]"}'
    assert masked('{ "$sealed" : "gAAA" }') == '"[sensitive]"'


def test_our_key_is_refused_wherever_it_would_be_recorded() -> None:
    usecase = executed(
        "class Request(BaseModel):\n    user_id: Subject\n    free: dict[str, Any] = {}\n"
        "class Decision(BaseModel):\n    outcome: str\n"
        "def decide(user_id) -> Decision:\n    return Decision(outcome='a')\n"
    )
    assert not usecase.sensitive
    with pytest.raises(Exception, match="1 problem") as refused:
        intake.read(usecase.request_model, '{"user_id":"u","free":{"a":[{"$sealed":"x"}]}}', PhotoPolicy())
    assert refused.value.errors == [{"pointer": "/free/a/0", "detail": "the key '$sealed' is for what is encrypted"}]  # type: ignore[attr-defined]
    with pytest.raises(NotRecordable, match="'\\$sealed' \\(at /b\\)"):
        Codec(dict[str, Any]).encode({"b": {"$sealed": 1}})
    assert Codec(dict[str, Any]).encode({"b": "$sealed"}) == '{"b":"$sealed"}'


def test_a_scalar_fact_is_sealed_as_it_was_written(vault: Vault) -> None:
    """Fact keys of later tasks are made of the text: 1 and 1.0 are two."""
    codec = Codec(Sensitive[float])
    text, _ = codec.settle(1)
    assert vault.open(codec.rewrite(text, vault)) == text
    assert codec.rewrite(text, Masking()) == '"[sensitive]"'
    assert Codec(float).rewrite("1.5", Masking()) == "1.5"


def test_a_refused_result_does_not_quote_what_is_sensitive() -> None:
    usecase = executed(
        "from pydantic import field_validator\nfrom pydantic_core import PydanticCustomError\n"
        "class Found(BaseModel):\n    phone: Sensitive[str]\n    codes: Sensitive[dict[str, int]] = {}\n"
        "    @field_validator('phone')\n    @classmethod\n    def check(cls, value):\n"
        "        if not value.startswith('010'):\n            raise ValueError(f'{value} is no phone')\n"
        "        if len(value) < 5:\n            raise PydanticCustomError('short', f'{value} is short')\n"
        "        return value\n"
        "class Request(BaseModel):\n    user_id: Subject\n"
        "class Decision(BaseModel):\n    outcome: str\n"
        "@task\ndef found(user_id: str) -> Found:\n    return Found(phone='010')\n"
        "def decide(found) -> Decision:\n    return Decision(outcome='a')\n"
    )
    codec = usecase.graph.by_name["found"].codec
    assert codec is not None
    with pytest.raises(NotRecordable) as refused:
        codec.decode('{"phone":"02-555-0173"}')
    assert "02-555" not in str(refused.value) and "it is refused (at phone)" in str(refused.value)
    assert refused.value.__cause__ is None
    for body, said in (
        ('{"phone":"0101"}', "it is refused (at phone)"),
        ('{"phone":"01011","codes":{"김":""}}', "(at codes)"),
    ):
        with pytest.raises(NotRecordable) as refused:
            codec.decode(body)
        assert said in str(refused.value) and "0101" not in str(refused.value) and "김" not in str(refused.value)


def test_a_validator_that_does_not_take_what_it_made_is_told_without_what_it_was() -> None:
    usecase = executed(
        "from pydantic import field_validator\n"
        "class Request(BaseModel):\n    user_id: Subject\n    phone: Sensitive[str]\n"
        "    @field_validator('phone')\n    @classmethod\n    def check(cls, value):\n"
        "        if '-' not in value:\n            raise ValueError(f'{value} has no dash')\n"
        "        return value.replace('-', '')\n"
        "class Decision(BaseModel):\n    outcome: str\n"
        "def decide(user_id) -> Decision:\n    return Decision(outcome='a')\n"
    )
    with pytest.raises(ContractError, match="does not take what it made") as refused:
        intake.read(usecase.request_model, '{"user_id":"u","phone":"010-9274-1185"}', PhotoPolicy())
    assert "01092741185" not in "".join(traceback.format_exception(refused.value))


def test_a_pointer_names_no_key_that_people_wrote() -> None:
    usecase = executed(
        "class Request(BaseModel):\n    user_id: Subject\n    person: Person | None = None\n"
        "    notes: list[Sensitive[dict[str, int]]] = []\n"
        "class Decision(BaseModel):\n    outcome: str\n"
        "def decide(user_id) -> Decision:\n    return Decision(outcome='a')\n"
    )
    body = {
        "user_id": "u",
        "notes": [{"하나": 1}, {"김철수": "x", "870329": "y"}],
        "person": {"theName": 5, "visits": "x"},
        "phonee": 1,
    }
    with pytest.raises(Invalid) as refused:
        intake.read(usecase.request_model, json.dumps(body), PhotoPolicy())
    pointers = [error["pointer"] for error in refused.value.errors]
    assert sorted(set(pointers)) == ["/notes/1", "/person/theName", "/person/visits", "/phonee"]
    assert "김철수" not in str(refused.value.errors) and "870329" not in str(refused.value.errors)


# Masking by value.


@pytest.mark.parametrize(
    ("values", "said", "shown"),
    [
        (["김철수"], "김철수님은 없다", "[sensitive]님은 없다"),
        (["010-1234-5678"], "no '010-1234-5678' here", "no '[sensitive]' here"),
        (["a\nb'c"], f"got {'a' + chr(10) + 'b' + chr(39) + 'c'!r}", 'got "[sensitive]"'),
        (['따옴표"표'], json.dumps({"a": '따옴표"표'}), '{"a": "[sensitive]"}'),
        (["1987-03-29"], f"born {date(1987, 3, 29)!r}, {date(1987, 3, 29)}", "born [sensitive], [sensitive]"),
        (["F"], "F is not For (F)", "[sensitive] is not For ([sensitive])"),
        ([30], "age 30 of 300 is 30.5 or 30.", "age [sensitive] of 300 is 30.5 or [sensitive]."),
        ([12.5], "12.5 and 112.5", "[sensitive] and 1[sensitive]"),
        ([True, None, ""], "True, None and ''", "True, None and ''"),
        ([{"열쇠": ["값어치"]}], "열쇠 값어치", "[sensitive] [sensitive]"),
        (["길동", "길동이네"], "길동이네", "[sensitive]"),
        (["김/철수"], f"{quote('김/철수')} {quote_plus('김/철수')}", "[sensitive] [sensitive]"),
        (["김철수"], str("김철수".encode()), "b'[sensitive]'"),
    ],
)
def test_values_are_masked_in_what_exceptions_say(values: list[Any], said: str, shown: str) -> None:
    assert Redaction(json.dumps(value) for value in values).in_error(said) == shown


def test_what_pydantic_was_given_is_masked_also_where_it_is_cut() -> None:
    with pytest.raises(ValueError, match="input_value") as refused:
        TypeAdapter(int).validate_python("비밀" * 100)
    assert "비밀" in str(refused.value)
    assert "비밀" not in Redaction([]).in_error(str(refused.value))


def test_of_very_many_values_texts_are_masked_whole() -> None:
    """To look for each in each text would take minutes, which a request with that many could make of every trace."""
    redaction = Redaction([json.dumps([f"이름-{number}" for number in range(MOST_VALUES + 1)])])
    assert redaction.in_error("이름-7 is not there") == "[sensitive]"
    data = {"carrier": "a", "이름-7": ["이름-7", 5, None]}
    assert redaction.in_json(data) == {"carrier": "[sensitive]", "[sensitive]": ["[sensitive]", 5, None]}


def test_a_very_long_value_is_masked_too() -> None:
    letter = "편지 " * 300_000
    assert Redaction([json.dumps(letter)]).in_error(f"this: {letter!r}!") == "this: '[sensitive]'!"


def test_values_are_masked_in_json() -> None:
    redaction = Redaction(['"김철수"', "30", '"1987-03-29"'])
    data = {"김철수": [30, 30.0, 31, True], "글": "김철수, 1987-03-29", "b": None}
    assert redaction.in_json(data) == {
        "[sensitive]": ["[sensitive]", "[sensitive]", 31, True],
        "글": "[sensitive], [sensitive]",
        "b": None,
    }


# Where the mark cannot stand.

CONTRACT = """
class Request(BaseModel):
    user_id: {subject}
    photo: {photo} = None
    tags: {tags} = {{}}

class Decision(BaseModel):
    outcome: {outcome}

@task
def found(user_id: str) -> {found}:
    return {{}}

def decide(found) -> Decision:
    return Decision(outcome="a")
"""
SOUND = {
    "subject": "Subject",
    "photo": "Photo | None",
    "tags": "Sensitive[dict[str, str]]",
    "outcome": "str",
    "found": "dict[str, Sensitive[str]]",
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": "Sensitive[Subject]"}, "Request.user_id is Sensitive, but decisions are looked up by the Subject"),
        ({"outcome": "Sensitive[str]"}, "Decision.outcome is Sensitive, but decisions are looked up by the outcome"),
        ({"photo": "Sensitive[Photo] | None"}, "Request.photo: a Photo cannot be Sensitive"),
        ({"photo": "Sensitive[list[Photo]] | None"}, "Request.photo: a Photo cannot be Sensitive"),
        ({"tags": "dict[Sensitive[str], str]"}, "Request.tags: the keys of a dict cannot be Sensitive"),
        ({"found": "dict[Sensitive[str], str]"}, "'found': the keys of a dict cannot be Sensitive"),
    ],
)
def test_what_cannot_be_sensitive(changes: dict[str, str], said: str) -> None:
    assert executed(CONTRACT.format(**SOUND)).sensitive
    with pytest.raises(ContractError) as refused:
        executed(CONTRACT.format(**SOUND | changes))
    assert [fault.rule for fault in refused.value.faults] == ["sensitive"]
    assert said in refused.value.faults[0].message


SERIALIZED = """
from pydantic import (
    BaseModel, PlainSerializer, SerializeAsAny, WrapSerializer, field_serializer, model_serializer
)

class Inner(BaseModel):
    number: Sensitive[str]

class Request(BaseModel):
    user_id: Subject
    phone: {phone}
    inner: Inner | None = None
{method}

class Decision(BaseModel):
    outcome: str

@task
def found(user_id: str) -> {found}:
    return ""

def decide(found) -> Decision:
    return Decision(outcome="a")
"""


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"phone": "Annotated[Sensitive[str], PlainSerializer(lambda value: value)]"}, "Request.phone"),
        ({"phone": "list[Annotated[Inner, WrapSerializer(lambda value, write: value.number)]]"}, "Request.phone"),
        ({"phone": "SerializeAsAny[Sensitive[str]]"}, "Request.phone"),
        ({"method": "@field_serializer('phone')\ndef write(self, value): return value"}, "Request.phone"),
        (
            {"method": "@field_serializer('inner')\ndef write(self, value): return value and dict(value)"},
            "Request.inner",
        ),
        ({"method": "@model_serializer\ndef write(self): return dict(self)"}, "Request"),
        ({"found": "Annotated[Sensitive[str], PlainSerializer(lambda value: value)]"}, "found"),
    ],
)
def test_a_serializer_that_would_write_sensitive_values_plainly_is_refused(changes: dict[str, str], place: str) -> None:
    sound = {"phone": "Sensitive[Annotated[str, PlainSerializer(str.upper)]]", "found": "str", "method": ""}
    assert executed(SERIALIZED.format(**sound)).sensitive
    parts = sound | {"phone": "Sensitive[str]"} | changes
    parts["method"] = textwrap.indent(parts["method"], "    ")
    with pytest.raises(ContractError) as refused:
        executed(SERIALIZED.format(**parts))
    assert [fault.rule for fault in refused.value.faults] == ["sensitive"]
    assert refused.value.faults[0].message.startswith(f"{place}: what a serializer writes is stored as it is")


def test_what_is_sensitive_within_sensitive_is_sealed_once(engine: Engine, vault: Vault) -> None:
    """Once at each depth, 90 of them would make terabytes of a request of a kilobyte."""
    code = """
class Node(BaseModel):
    name: Sensitive[str]
    below: Sensitive[list["Node"]] = []

class Request(BaseModel):
    user_id: Subject
    node: Node

class Decision(BaseModel):
    outcome: str

def decide(request) -> Decision:
    return Decision(outcome="a")
"""
    node: dict[str, Any] = {"name": "김철수", "below": []}
    for _ in range(90):
        node = {"name": "김철수", "below": [node]}
    request, _, record = decided(executed(code), json.dumps({"user_id": "u", "node": node}), engine, vault)
    stored = record.decision["request"]
    assert "김철수" not in stored and len(stored) < 10_000
    assert vault.open(stored) == request.record
    assert json.loads(masked(stored))["node"] == {"name": "[sensitive]", "below": "[sensitive]"}


CHANGING = """
from pydantic import field_validator

class Request(BaseModel):
    user_id: Subject
    names: {request} = ()

    @field_validator("names")
    @classmethod
    def once(cls, names):
        return tuple(dict.fromkeys(names))

class Found(BaseModel):
    names: {found}

    @field_validator("names")
    @classmethod
    def once(cls, names):
        return tuple(dict.fromkeys(names))

class Decision(BaseModel):
    outcome: str

@task
def found(user_id: str) -> Found:
    return Found(names=["김철수"])

def decide(found) -> Decision:
    return Decision(outcome="a")
"""


def test_a_validator_whose_result_pydantic_would_write_without_its_marks_is_refused(engine: Engine) -> None:
    """A tuple under list[Sensitive[str]] is written as any tuple is, and the marks in it count for nothing."""
    names = {"request": "tuple[Sensitive[str], ...]", "found": "tuple[Sensitive[str], ...]"}
    body, vault = '{"user_id": "u", "names": ["길동", "길동"]}', Vault([new_key()])
    _, run, record = decided(executed(CHANGING.format(**names)), body, engine, vault)
    assert run.failure is None
    assert "길동" not in record.decision["request"] and "김철수" not in str(record.results)
    changing = executed(CHANGING.format(**names | {"request": "list[Sensitive[str]]"}))
    with pytest.raises(ContractError, match="stored plainly: annotate what it gives") as refused:
        intake.read(changing.request_model, body, PhotoPolicy())
    assert "길동" not in "".join(traceback.format_exception(refused.value))
    _, run, record = decided(
        executed(CHANGING.format(**names | {"found": "list[Sensitive[str]]"})), body, engine, vault
    )
    assert run.failure is not None and run.failure.step == "found"
    assert "so what is Sensitive in it would be stored plainly" in run.failure.error["message"]
    assert "김철수" not in str((record, run.failure.error["message"]))


@pytest.mark.parametrize("place", ["request", "decision", "task", "nested", "root", "generic", "dataclass"])
def test_a_mark_is_found_wherever_it_is(place: str) -> None:
    parts = dict.fromkeys(["request", "decision", "task", "nested", "root", "generic", "dataclass"], "str")
    parts[place] = "Sensitive[str]"
    code = f"""
import dataclasses
from typing import Generic, TypeVar
T = TypeVar("T")

class Inner(BaseModel):
    a: {parts["nested"]}

class Root(RootModel[list[{parts["root"]}]]):
    pass

class Box(BaseModel, Generic[T]):
    a: T

@dataclasses.dataclass
class Data:
    a: {parts["dataclass"]}

class Request(BaseModel):
    user_id: Subject
    a: {parts["request"]} = ""
    inner: list[Inner] = []
    root: Root | None = None
    box: Box[{parts["generic"]}] | None = None

class Decision(BaseModel):
    outcome: str
    a: {parts["decision"]} = ""

@task
def found(a: str) -> {parts["task"]}:
    return a

@task
def data(a: str) -> Data | None:
    return None

def decide(found, data) -> Decision:
    return Decision(outcome="a")
"""
    assert executed(code).sensitive
    assert not executed(code.replace("Sensitive[str]", "str")).sensitive


# Answers that were paid for.


class Lengths:
    """A provider whose vector is a text's length and a fraction that stands nowhere by chance."""

    MANAGED = True

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embedding(self, texts: list[str], asking: Asking) -> Answer:
        self.asked.append(texts)
        return Answer([[len(text) + 0.0718281828] for text in texts], "lengths", "1")


ASKING = """
class Request(BaseModel):
    user_id: Subject
    phone: Sensitive[str]

class Decision(BaseModel):
    outcome: str

@task(timeout=5)
def vector(phone: str, models) -> Sensitive[list[float]]:
    return models.embedding([phone])[0]

def decide(vector) -> Decision:
    return Decision(outcome="a")
"""


def test_paid_answers_are_sealed_and_their_keys_cannot_be_guessed(tmp_path: Path) -> None:
    store, keys, asked = Store(f"sqlite:///{tmp_path}/decisions.db"), [new_key()], []
    usecase, body = executed(ASKING, ("vector",)), json.dumps({"user_id": "u", "phone": "010-9274-1185"})
    routing = Routing.of({"providers": {"embedding": "one"}, "reuse": {"embedding": "30d"}})

    def once(vault: Vault) -> None:
        provider = Lengths()
        engine = Engine(Router(routing, lambda _name, _settings: provider, lambda: store, vault=vault).models)
        for _ in range(2):
            store.save(decided(usecase, body, engine, vault)[2])
        asked.append(provider.asked)

    once(Vault(keys))
    data = dump(store)
    assert b"13.0718281828" not in data
    assert [form for form in traces_of("010-9274-1185") if form in data] == []
    question = Question("embedding", ("010-9274-1185",))
    plain = Answers().keys(question, "one", routing.deciding("one"))
    sealed = Answers(vault=Vault(keys)).keys(question, "one", routing.deciding("one"))
    assert plain[0].encode() not in data and sealed[0].encode() in data
    once(Vault([new_key(), *keys]))  # under a new first key it is asked for once more
    assert asked == [[["010-9274-1185"]], [["010-9274-1185"]]]
    store.close()


def test_a_fact_that_is_stored_before_its_decision_is_sealed_and_opened(tmp_path: Path, vault: Vault) -> None:
    store = Store(f"sqlite:///{tmp_path}/decisions.db")
    usecase = executed(ASKING, ("vector",))
    provider = Lengths()
    routing = Routing.of({"providers": {"embedding": "one"}, "reuse": {"embedding": "30d"}})
    engine = Engine(Router(routing, lambda _name, _settings: provider, lambda: store, vault=vault).models)
    request = intake.read(usecase.request_model, '{"user_id":"u","phone":"010-9274-1185"}', PhotoPolicy())
    (fact,) = engine.run(usecase, request, NOW, 10).facts
    sealed = sealed_fact(fact, usecase, vault)
    assert fact.output == "[13.0718281828]" and "13.0718281828" not in str(sealed)
    assert fact.answers and opened_fact(sealed, vault) == fact
    store.close()


# What it costs those who have none.


def test_a_use_case_without_sensitive_fields_loads_no_cryptography() -> None:
    script = """
import sys
import textwrap
from datetime import UTC, datetime
import app
from chalicelib import bootstrap
from chalicelib.service import LOCAL_CLIENT
service = bootstrap.service()
assert not service.use_case(LOCAL_CLIENT, "profile_photo_review").sensitive
assert service.vault.open('{"a":1}') == '{"a":1}'
service.vault.secrets
print([name for name in sys.modules if name.partition(".")[0] == "cryptography" or name.endswith("redaction")])
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1:] == ["[]"], ended.stderr
