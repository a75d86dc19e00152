"""Keys, and what is sealed under them: opened byte for byte, masked without any key."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.errors import KeyMissing, SettingsError
from chalicelib.sensitive import masked
from chalicelib.vault import LOCAL_KEY, Vault, local_key, new_key


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
