"""Secrets in text: detect-secrets finds them, as far as its detectors are precise; what is shown is masked.

Its detectors for entropy are left out: in notebooks they report digests, ids and pictures. Its
detector for assignments (``password = "…"``) is asked about code only, and placeholders, names of
environment variables and plain words are let pass. Loading it takes a quarter of a second, so a
few substrings are looked for first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from workbench.problems import Problem

# module of detect_secrets.plugins -> substrings of which one is in every text that its detector reports
MARKS = {
    "aws": ("AKIA", "ASIA", "ABIA", "ACCA", "A3T", "aws", "AWS"),
    "azure_storage_key": ("AccountKey=",),
    "basic_auth": ("://",),
    "github_token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    "gitlab_token": ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941", "glcbt-", "glptt-", "gloas-"),
    "jwt": ("eyJ",),
    "mailchimp": ("-us",),
    "npm": (":_authToken",),
    "openai": ("T3BlbkFJ",),
    "private_key": ("PRIVATE KEY", "PuTTY-User-Key"),
    "pypi_token": ("pypi-AgE",),
    "sendgrid": ("SG.",),
    "slack": ("xox", "hooks.slack.com"),
    "square_oauth": ("sq0csp-",),
    "stripe": ("k_live_",),
    "twilio": ("SK",),
}
# What detect-secrets has no detector for yet: kind, mark, form.
NEWER = (
    ("Google API Key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    ("Hugging Face Token", "hf_", r"\bhf_[A-Za-z]{34}"),
    ("GitHub Token", "github_pat_", r"github_pat_[0-9A-Za-z_]{22,}"),
    ("Anthropic Token", "sk-ant-", r"sk-ant-[0-9A-Za-z_-]{30,}"),
)
# What is rarely a secret though its mark is there: the same text, more closely.
CLOSER = {
    "aws": r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}|(?i:aws).{0,46}?['\"][0-9a-zA-Z/+]{40}['\"]",
    "basic_auth": r"://[^\s:/@'\"]+:[^\s/@'\"]+@",
    "jwt": r"(?<![\w=-])eyJ[\w=-]+\.[\w=-]+",
    "mailchimp": r"[0-9a-z]{32}-us\d",
    "slack": r"(?i:xox[abposr]-|hooks\.slack\.com)",
    "twilio": r"\bSK[a-z0-9]{32}\b",
}
KEYWORD_MARKS = ("key", "pass", "pwd", "secret", "contrase")
KEYWORD = re.compile(
    r"(?:(?:api|auth|service|account|db|database|priv|private|client)_?key|(?:db|database|key)_?pass|password|passwd"
    r"|pwd|secret|contrase[nñ]a)\w{0,40}['\"\]]{0,2}\s{0,9}(?:[:=!]|=>)[^\n]{0,200}?['\"`]|['\"]\s{0,9}[!=]=\s{0,9}\w{0,40}(?:key|pass|pwd|secret)",
    re.IGNORECASE,
)
NO_VALUE = re.compile(
    r"[\w-]*(?:example|dummy|placeholder|change_?me|redacted|your|password|secret|passwd|x{3,}|\*{3,}|\.{3}|…)[\w-]*|"
    r"(?:user|pass|pw|pwd|test|token|none|null|true|false|root|admin|postgres|guest)|[A-Z][A-Z0-9_]*",
    re.IGNORECASE,
)
ENV_NAME = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)+")
OTHER_THINGS = re.compile(
    r"(?:key|pass|password|passwd|pwd|secret)s?_?(?:name|field|env|id|var|path|file|header|url|column|label|arn)s?\b",
    re.I,
)
WORD = re.compile(r"[A-Za-z_-]+|[0-9.]+")
PASSWORD = re.compile(r"(?:password|passwd|pwd)['\"\]]{0,2}\s*(?::|[!=]?=)", re.IGNORECASE)
SHORT = 6
WINDOW, OVERLAP = 4000, 400  # characters: detectors' patterns may take time as the square of a line's length
ASSIGNED = "a password or key"  # what detect-secrets calls a secret keyword


@dataclass(frozen=True, slots=True)
class Secret:
    """What looks like a secret in a line of text; ``line`` is 1-based, ``start`` 0-based."""

    kind: str
    value: str
    line: int
    start: int


def suspicious(text: str, code: bool) -> list[str]:
    """The detectors worth asking about a text; ``code`` asks for assignments, too. Cheap."""
    found = [
        name
        for name, marks in MARKS.items()
        if any(mark in text for mark in marks) and (name not in CLOSER or re.search(CLOSER[name], text))
    ]
    found += [mark for _, mark, form in NEWER if mark in text and re.search(form, text)]
    if code:
        lower = text.lower()
        if any(mark in lower for mark in KEYWORD_MARKS) and KEYWORD.search(text):
            found.append("keyword")
    return found


def secrets_in(text: str, code: bool = False) -> list[Secret]:
    """Every secret in a text, in reading order, each once a line."""
    names = suspicious(text, code)
    found: dict[tuple[int, str], Secret] = {}
    for number, line in enumerate(text.split("\n") if names else (), 1):
        for start in range(0, max(len(line), 1), WINDOW):
            for kind, value in _in_line(line[start : start + WINDOW + OVERLAP], names):
                found.setdefault((number, value), Secret(kind, value, number, line.index(value)))
    inner = {(one.line, one.value) for one in found.values() for other in found.values() if _is_within(one, other)}
    return sorted((s for key, s in found.items() if key not in inner), key=lambda secret: (secret.line, secret.start))


def _is_within(one: Secret, other: Secret) -> bool:
    return one.line == other.line and one.value != other.value and one.value in other.value


def _in_line(line: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        for kind, detector in _detectors(name):
            for value in _values(name, detector, line):
                if value and _is_meant(name, value, line):
                    yield ASSIGNED if name == "keyword" else kind, value


def _values(name: str, detector: Any, line: str) -> Iterator[str]:
    """What a detector finds in a line. Some give only their token's prefix: a group of their pattern."""
    if name in ("github_token", "gitlab_token"):
        return (match[0] for form in detector.denylist for match in form.finditer(line))
    found: Iterator[str] = detector.analyze_string(line)
    return found


def _is_meant(name: str, value: str, line: str) -> bool:
    """Whether what a detector found is a secret and no placeholder."""
    if name == "keyword":
        return _is_assigned(value, line)
    return name != "basic_auth" or not (NO_VALUE.fullmatch(value) or value[0] in "{<$%")


def _is_assigned(value: str, line: str) -> bool:
    """A secret that is written out: neither a reference, a name, a message nor a stand-in."""
    from detect_secrets.filters import heuristic

    if len(value) < SHORT or re.search(r"\s", value) or NO_VALUE.fullmatch(value) or ENV_NAME.fullmatch(value):
        return False
    if OTHER_THINGS.search(line) or "{" in value or heuristic.is_prefixed_with_dollar_sign(value):
        return False
    if heuristic.is_templated_secret(value) or heuristic.is_not_alphanumeric_string(value):
        return False
    return bool(PASSWORD.search(line)) or not WORD.fullmatch(value)


@cache
def _detectors(name: str) -> list[tuple[str, Any]]:
    """The detectors of one module of detect-secrets, or ours by its mark."""
    import importlib

    from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector

    for kind, mark, form in NEWER:
        if mark == name:
            made = type("Newer", (RegexBasedDetector,), {"secret_type": kind, "denylist": [re.compile(form)]})
            return [(kind, made())]
    module = importlib.import_module(f"detect_secrets.plugins.{name}")
    classes: list[Any] = [value for value in vars(module).values() if isinstance(value, type)]
    plugins = [value for value in classes if issubclass(value, BasePlugin) and value.__module__ == module.__name__]
    return [(plugin.secret_type, plugin()) for plugin in plugins]


def mask(secret: Secret) -> str:
    """A secret as it may be shown: four characters of a token, which say which it is; none of a password."""
    if secret.value.startswith(("BEGIN ", "PuTTY")):
        return secret.value  # the heading of a key; the key itself is below
    is_token = len(secret.value) >= 16 and secret.kind not in (ASSIGNED, "Basic Auth Credentials")
    return secret.value[:4] * is_token + "*" * 8


def masked(text: str, secrets: list[Secret]) -> str:
    """A text without these secrets."""
    for secret in sorted(secrets, key=lambda secret: len(secret.value), reverse=True):
        text = text.replace(secret.value, mask(secret))
    return text


def masked_problems(problems: list[Problem]) -> list[Problem]:
    """Problems of lines with a secret, none of which shows it: what another rule says of the line neither."""
    lines = {(problem.cell, problem.line): problem.code for problem in problems if problem.rule == "secret"}
    if not lines:
        return problems
    return [problem if problem.rule == "secret" else _masked_problem(problem, lines) for problem in problems]


def _masked_problem(problem: Problem, lines: dict[tuple[int, int], str]) -> Problem:
    code = lines.get((problem.cell, problem.line)) if problem.line else None
    message = masked(problem.message, secrets_in(problem.message, code=True))
    return replace(problem, message=message, code=problem.code if code is None else code)
