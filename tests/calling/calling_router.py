"""Providers of embeddings that answer as a test wants, and routers to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from time import perf_counter
from typing import Any

from chalicelib.asking import Answer, Asking
from chalicelib.calling.router import Router
from chalicelib.calling.routing import Routing
from chalicelib.errors import ProviderError
from chalicelib.questions import Question

TEXTS = Question("embedding", ("하나", "둘"))


class Provider:
    """Answers embeddings by their length, as its function says."""

    MANAGED = True

    def __init__(self, answer: Callable[[list[str], Asking], Any] | None = None, version: str = "1") -> None:
        self.calls: list[list[str]] = []
        self._answer, self.version = answer, version

    def embedding(self, texts: list[str], asking: Asking) -> Answer:
        self.calls.append(texts)
        result = self._answer(texts, asking) if self._answer else [[float(len(text))] for text in texts]
        return Answer(result, "lengths", self.version)


def failing(code: str = "server-error", attempts: int = 3) -> Provider:
    def answer(texts: list[str], asking: Asking) -> Any:
        raise ProviderError("it cannot", code=code, attempts=attempts)

    return Provider(answer)


def hanging(seconds: float) -> Provider:
    def answer(texts: list[str], asking: Asking) -> Any:
        time.sleep(seconds)
        return [[0.0]] * len(texts)

    return Provider(answer)


def router(chain: Any, settings: dict[str, Any] | None = None, pin: dict[str, str] | None = None) -> Router:
    """A router to these providers, by name, in this order."""
    content = {"providers": {"embedding": list(chain)}, "provider_settings": settings or {}}
    content |= {"pin": {"embedding": pin}} if pin else {}
    return Router(Routing.of(content), lambda name, _settings: chain[name])


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    end = perf_counter() + 20
    while not true():
        assert perf_counter() < end
        time.sleep(0.005)


def asking(seconds: float = 5.0, **more: Any) -> Asking:
    return Asking(perf_counter() + seconds, **more)
