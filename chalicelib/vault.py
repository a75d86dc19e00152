"""Encryption of sensitive fields: Fernet (AES-128-CBC and HMAC-SHA256) under keys that can be rotated.

The first key encrypts, all of them decrypt. What identifies sensitive content, as a digest would, is an HMAC under a
secret derived from a key: who reads the database cannot try out guesses.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
import secrets
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.errors import KeyMissing, SettingsError
from chalicelib.sensitive import MEMBER, SEALED, Writer

if TYPE_CHECKING:  # loaded for the first sensitive field
    from cryptography.fernet import MultiFernet

log = logging.getLogger("artemis")

KEYS = "ARTEMIS_ENCRYPTION_KEYS"
LOCAL_KEY = Path(".artemis/encryption.key")  # of the local stage, where the environment has none


class Vault(Writer):
    """Seals and opens. As a serialization's context it seals every sensitive field.

    Args:
        keys: Fernet keys, the one that encrypts first.
        path: of a file with the only key where ``keys`` is empty, made when a key is needed; None: there is none.
    """

    def __init__(self, keys: Sequence[str] = (), path: Path | None = None) -> None:
        self._given, self._path, self._failed = tuple(keys), path, False

    def write(self, text: str) -> Any:
        return {SEALED: self.seal(text)}

    def member(self, text: str) -> str:
        """What stands for a JSON text as a whole, as JSON text."""
        return f'{{"{SEALED}":"{self.seal(text)}"}}'

    def seal(self, text: str) -> str:
        """A token for ``text``, another one each time. Raises SettingsError when there is no key."""
        return self._fernet.encrypt(text.encode()).decode()

    def unseal(self, token: str) -> str:
        """What a token holds. Raises KeyMissing when no key opens it."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            if not self._failed:  # once: the next page of a list may hold hundreds
                log.error("a sealed value cannot be opened: add the key that sealed it to %s, behind the first", KEYS)
            self._failed = True
            raise KeyMissing("its sensitive values are encrypted under a key that this service does not have") from None

    def open(self, text: str) -> str:
        """A JSON text with every sealed member opened, byte for byte as it was. Raises KeyMissing."""
        while SEALED in text:
            opened, count = MEMBER.subn(lambda member: self.unseal(member[1]), text)
            if not count:
                break
            text = opened  # a sensitive field may hold sensitive ones
        return text

    def open_if_possible(self, text: str) -> str | None:
        """The same, or None where no key opens it: one among many must not spoil a list."""
        try:
            return self.open(text)
        except KeyMissing:
            return None

    def sealed_in(self, text: str) -> Iterator[str]:
        """The JSON texts of the sealed members of a JSON text, each opened. Raises KeyMissing."""
        return (self.open(self.unseal(member[1])) for member in MEMBER.finditer(text))

    def new_salt(self) -> bytes:
        """16 random bytes for a decision's fact keys."""
        return secrets.token_bytes(16)

    def seal_salt(self, salt: bytes) -> str | None:
        """A salt as the store keeps it; None for none."""
        return self.seal(salt.hex()) if salt else None

    def open_salt(self, stored: str | None) -> bytes:
        """A salt as the store kept it. Raises KeyMissing."""
        return bytes.fromhex(self.unseal(stored)) if stored else b""

    @property
    def secrets(self) -> list[bytes]:
        """A secret for HMACs of each key, the present one first; empty where the service has no key."""
        if not self._given and not (self._path and ("_keys" in vars(self) or self._path.is_file())):
            return []
        return self._secrets

    def check(self) -> None:
        """Raises SettingsError when there is no key."""
        self._fernet  # noqa: B018

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        if self._given:
            return self._given
        if self._path is None:
            raise SettingsError([f"{KEYS} is not set, and a use case has sensitive fields: {HOW}"])
        return (local_key(self._path),)

    @cached_property
    def _fernet(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self._keys])

    @cached_property
    def _secrets(self) -> list[bytes]:
        return [hmac.digest(_raw(key), b"artemis: digests", "sha256") for key in self._keys]


HOW = "run `artemis keys encryption` and set it to the key"


def new_key() -> str:
    """A new key: 32 random bytes, in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def parse_keys(value: str | None, problems: list[str]) -> tuple[str, ...]:
    """The keys in the environment. A problem names the position of a bad one, never the key."""
    keys = tuple(key.strip() for key in value.split(",")) if value and value.strip() else ()
    for position, key in enumerate(keys, 1):
        if not _is_key(key):
            problems.append(
                f"{KEYS}: key {position} of {len(keys)} is not a key: make one with `artemis keys encryption`"
            )
    if len(set(keys)) < len(keys):
        problems.append(f"{KEYS}: a key stands there twice")
    return keys


def local_key(path: Path) -> str:
    """The key in a file that only its owner may read; a new one where there is no file.

    Raises SettingsError when there is something else, or it cannot be written.
    """
    try:
        if not path.is_file():
            _write_key(path)
        key = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: the local stage's encryption key cannot be kept there: {error}"]) from error
    if not _is_key(key):
        raise SettingsError(
            [f"{path} holds no key: restore it, or delete it to get a new one (what it sealed is lost)"]
        )
    return key


def _write_key(path: Path) -> None:
    """Whole or not at all, and never over another process's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(new_key() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:  # another process was faster
        pass
    finally:
        os.unlink(draft)


def _is_key(key: str) -> bool:
    try:
        return len(_raw(key)) == 32
    except (binascii.Error, ValueError):
        return False


def _raw(key: str) -> bytes:
    return base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True)
