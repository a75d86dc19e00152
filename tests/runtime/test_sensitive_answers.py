"""Answers that were paid for, facts without a decision, and what it costs those who have nothing sensitive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sensitive_cases import NOW, decided, dump, executed, traces_of

from chalicelib import intake
from chalicelib.asking import Answer, Asking
from chalicelib.calling.reuse import Answers
from chalicelib.calling.router import Router
from chalicelib.calling.routing import Routing
from chalicelib.engine import Engine
from chalicelib.photo import PhotoPolicy
from chalicelib.questions import Question
from chalicelib.sealing import opened_fact, sealed_fact
from chalicelib.store import Store
from chalicelib.vault import Vault, new_key

ROOT = Path(__file__).resolve().parents[2]


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
