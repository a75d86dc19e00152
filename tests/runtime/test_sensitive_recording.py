"""What is recorded of requests and results, what is refused, and that a refusal quotes nothing."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
from sensitive_cases import executed

from chalicelib import intake
from chalicelib.errors import ContractError, Invalid
from chalicelib.facts import Codec, NotRecordable
from chalicelib.photo import PhotoPolicy
from chalicelib.sensitive import Masking, Sensitive
from chalicelib.vault import Vault


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
