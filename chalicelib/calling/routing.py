"""Who answers what on a stage, as its stage file says it: frozen values, and every problem of them.

providers:          moderation: rekognition          a provider, or a list to fall back through
                    predict/match_score: sagemaker   one model of predict, apart from the others
provider_settings:  rekognition: {region: …}         the provider's own, and concurrency and breaker of any
pin:                moderation: "7.0"                the model version that may answer
reuse:              moderation: 30d                  how old an answer may be that is used again
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from chalicelib import durations
from chalicelib.facts import canonical
from chalicelib.models import CAPABILITIES
from chalicelib.questions import Question

T = TypeVar("T")
KEYS = ("providers", "provider_settings", "pin", "reuse")
LIMITS = {"concurrency", "breaker"}  # of any provider; everything else under provider_settings is its own
BREAKER = {"failures", "seconds"}
UNASKED = LIMITS | {"timeout", "attempts", "window_ms"}  # settings that change no answer
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class Limits:
    """``concurrency``: calls at once in a process. The breaker opens after ``failures`` in a row, for ``seconds``."""

    concurrency: int = 24  # fewer than the tasks that may hang: one provider alone does not stop the service
    failures: int = 5
    seconds: float = 30


@dataclass(frozen=True)
class Routing:
    """One stage's answers to: who, with which settings, in which version, and how old may it be.

    ``providers``: capability, or ``predict/<model>`` -> providers' names in the order they are asked.
    ``reuse`` is in seconds. ``pins``: name as in ``providers`` -> provider -> version.
    """

    providers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    pins: dict[str, dict[str, str]] = field(default_factory=dict)
    reuse: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Mapping[str, Any], endpoints: Mapping[str, str] | None = None) -> Routing:
        """The routing in a stage file's content, which has been checked. ``endpoints``: provider -> base URL."""
        chains = {name: _chain(entry) for name, entry in (content.get("providers") or {}).items()}
        settings = {name: dict(entry or {}) for name, entry in (content.get("provider_settings") or {}).items()}
        for name, url in (endpoints or {}).items():
            settings.setdefault(name, {})["endpoint"] = url
        pins = {
            name: entry if isinstance(entry, dict) else {chains[name][0]: entry}
            for name, entry in (content.get("pin") or {}).items()
        }
        reuse = {name: durations.seconds(age) for name, age in (content.get("reuse") or {}).items()}
        return cls(chains, settings, pins, reuse)

    @cached_property
    def key(self) -> str:
        """Text that is equal for equal routings."""
        return canonical([self.providers, self.settings, self.pins, self.reuse])

    def chain(self, question: Question) -> tuple[str, ...]:
        """Who is asked, in order; empty when nobody is named."""
        return _of(self.providers, question) or ()

    def pin(self, question: Question, provider: str) -> str | None:
        """The only version that may answer; None when any may."""
        pins = self.pins.get(question.name) or self.pins.get(question.capability) or {}  # an empty entry unpins nothing
        return pins.get(provider)

    def age(self, question: Question) -> float:
        """How old, in seconds, an answer may be that is used again; 0 when none may."""
        return _of(self.reuse, question) or 0.0

    def limits(self, provider: str) -> Limits:
        """The bounds of a provider."""
        entry = self.settings.get(provider, {})
        own = {"concurrency": entry["concurrency"]} if "concurrency" in entry else {}
        return Limits(**own, **(entry.get("breaker") or {}))

    def own(self, provider: str) -> dict[str, Any]:
        """The provider's own settings."""
        return {key: value for key, value in self.settings.get(provider, {}).items() if key not in LIMITS}

    def deciding(self, provider: str) -> str:
        """Those of a provider's settings that its answers may depend on, as text."""
        return canonical({key: value for key, value in self.own(provider).items() if key not in UNASKED})


def _of(entries: Mapping[str, T], question: Question) -> T | None:
    """What is said of one model of predict, else of its capability."""
    return entries.get(question.name, entries.get(question.capability))


def _chain(entry: Any) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else tuple(entry)


def check(content: Mapping[str, Any], providers: Collection[str] | None) -> list[str]:
    """Every problem of a stage file's routing. ``providers`` are the known ones; None: any name will do."""
    checks: dict[str, Callable[[str, Any], list[str]]] = {
        "providers": lambda name, entry: _check_chain(name, entry, providers),
        "provider_settings": lambda name, entry: _check_settings(name, entry, providers),
        "pin": lambda name, entry: _check_pin(name, entry, content.get("providers")),
        "reuse": _check_age,
    }
    return [problem for key, check in checks.items() for problem in in_mapping(content, key, check)]


def meant(name: str, known: Collection[str]) -> str:
    """What a misspelt name may stand for; all there are, where it is like none."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"


def in_mapping(content: Mapping[str, Any], key: str, check: Callable[[str, Any], list[str]]) -> list[str]:
    """The problems of each entry of a mapping in a stage file, each with where it is."""
    value = content.get(key) or {}
    if not isinstance(value, dict):
        return [f"{key}: not a mapping"]
    return [f"{key}.{name}: {problem}" for name, entry in value.items() for problem in check(str(name), entry)]


def _check_name(name: str) -> list[str]:
    capability, slash, model = name.partition("/")
    if capability not in CAPABILITIES:
        return [f"no such capability; {meant(capability, CAPABILITIES)}"]
    if slash and (capability != "predict" or not NAME.fullmatch(model)):
        return ["only predict has models: predict/<name>"]
    return []


def _check_chain(name: str, entry: Any, providers: Collection[str] | None) -> list[str]:
    if problems := _check_name(name):
        where = "; a use case stands under use_cases:" if isinstance(entry, dict) else ""
        return [problem + where for problem in problems]
    names = [entry] if isinstance(entry, str) else entry
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        return [f"{entry!r} is neither a provider's name nor a list of them"]
    if len(set(names)) < len(names):
        return [f"{entry!r} names a provider twice"]
    return [problem for one in names for problem in _check_provider(one, providers)]


def _check_provider(name: str, providers: Collection[str] | None) -> list[str]:
    if providers is None or name in providers:
        return []
    return [f"no provider is named {name!r}; {meant(name, providers)}"]


def _check_settings(name: str, entry: Any, providers: Collection[str] | None) -> list[str]:
    if problems := _check_provider(name, providers):
        return problems
    if not isinstance(entry, dict):
        return ["not a mapping"]
    breaker, numbers = entry.get("breaker") or {}, {"concurrency": entry.get("concurrency", 1)}
    if isinstance(breaker, dict) and breaker.keys() <= BREAKER:
        numbers |= {f"breaker.{key}": value for key, value in breaker.items()}
    else:
        problems = [f"breaker: give a mapping with {' and '.join(sorted(BREAKER))}"]
    return problems + [
        f"{key}: {value!r} is not a positive whole number"
        for key, value in numbers.items()
        if not isinstance(value, int) or isinstance(value, bool) or value < 1
    ]


def _check_pin(name: str, entry: Any, chains: Any) -> list[str]:
    if problems := _check_name(name):
        return problems
    chain = chains.get(name) or chains.get(name.partition("/")[0]) if isinstance(chains, dict) else None
    if not chain:
        return ["nobody is named for it under providers:"]
    names = [chain] if isinstance(chain, str) else chain
    if isinstance(entry, str):
        ask = "say of which provider: {" + f'{names[0]}: "{entry}"' + "}"
        return [] if isinstance(chains, dict) and name in chains and len(names) == 1 else [ask]
    if not isinstance(entry, dict) or not all(isinstance(version, str) for version in entry.values()):
        return [f'{entry!r} is no version: write it in quotes, such as "7.0"']
    return [f"{one!r} is not asked for it" for one in entry if one not in names]


def _check_age(name: str, entry: Any) -> list[str]:
    if problems := _check_name(name):
        return problems
    try:
        durations.seconds(entry)
    except ValueError as error:
        return [str(error)]
    return []
