"""`artemis keys`: what it prints works as it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.http.auth import authenticate
from chalicelib.settings import load
from chalicelib.vault import Vault
from workbench.cli import main

URL = "postgresql+psycopg://artemis:secret@db.internal/artemis"


def artemis(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments])


def test_an_encryption_key_is_all_that_is_printed_and_seals() -> None:
    one, two = artemis("encryption"), artemis("encryption")
    assert one.exit_code == two.exit_code == 0
    keys = one.output.strip(), two.output.strip()
    assert keys[0] != keys[1]
    vault = Vault(keys)
    assert vault.unseal(vault.seal("김철수")) == "김철수"
    environment = {"ARTEMIS_ENCRYPTION_KEYS": ",".join(keys)}
    assert load(environment, {"local": {}}, []).encryption_keys == keys


def test_a_client_gets_in_with_its_key_where_the_entry_is_set() -> None:
    said = artemis("client", "앱", "--use-case", "photo-review", "--use-case", "refund_check")
    assert said.exit_code == 0, said.output
    _, key, _, entry = (line.strip() for line in said.stdout.splitlines())
    environment = {"ARTEMIS_STAGE": "production", "ARTEMIS_DATABASE_URL": URL, "ARTEMIS_API_KEYS": entry}
    settings = load(environment, {"production": {}}, ["photo_review"])
    client = authenticate(f"Bearer {key}", settings)
    assert client.client == "앱" and client.use_cases == {"photo_review", "refund_check"}
    assert key not in entry


def test_a_misspelt_use_case_is_noted(project: Any, sound: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.notebook("photo_review", sound())
    monkeypatch.chdir(project.root)
    said = artemis("client", "app", "--use-case", "photo-revew", "--use-case", "photo-review")
    assert (said.exit_code, said.stderr) == (
        0,
        "note: there is no use case 'photo-revew': did you mean 'photo_review'?\n",
    )


def test_a_client_may_call_everything_where_nothing_is_said() -> None:
    said = json.loads(artemis("client", "batch", "--format", "json").output)
    assert said["entry"]["batch"]["use_cases"] == ["*"]
    assert re.fullmatch(r"[\w-]{43}", said["key"])
    assert artemis("client", "batch", "--format", "json").output != artemis("client", "batch").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["client", ""], "'' is no name"),
        (["client", "가" * 101], "is no name of 1 to 100 characters"),
        (["client", "a\nb"], "is no name"),
        (["client", "app", "--use-case", "Photo Review"], "'Photo Review' is no use case's name"),
        (["client"], "Missing argument 'NAME'"),
        (["nothing"], "No such command 'nothing'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], said: str) -> None:
    refused = artemis(*arguments)
    assert refused.exit_code == 2
    assert said in refused.output
