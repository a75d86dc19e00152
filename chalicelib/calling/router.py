"""Who answers a question, and who does when the first cannot. Everything that happened is in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from threading import Event, Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.asking import Answer, Asking, Call
from chalicelib.calling.flights import Flights
from chalicelib.calling.identity import Identity
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.reuse import Answers, Stored, keys_of, to_keep
from chalicelib.calling.routing import Routing
from chalicelib.errors import ProviderError
from chalicelib.models import CAPABILITIES, Models, ModelSource
from chalicelib.questions import BY_ITEM, Question
from chalicelib.workers import Job, Workers


if TYPE_CHECKING:
    from chalicelib.calling.bounds import Bounds


class Answered(NamedTuple):
    """One result for each item of the question, and who gave it (the last one asked, where several did)."""

    results: list[Any]
    source: ModelSource


Observer = Callable[[Question, Answered | ProviderError], None]


class Router:
    """Asks providers. One for a process and stage: breakers, clients and flights are shared by all requests.

    Args:
        routing: what the stage file says.
        make: name and settings -> provider.
        memory: makes the store, or None where nothing is stored and so nothing is used again.
        observe: is told of every answer, and of the error where there is none; for recording them.
    """

    def __init__(
        self,
        routing: Routing,
        make: Callable[[str, Any], Any],
        memory: Callable[[], Any] | None = None,
        observe: Observer | None = None,
    ) -> None:
        self.routing, self._make, self._observe = routing, make, observe
        self._answers, self.identity = Answers(memory), Identity(memory)
        self._flights, self._lock = Flights(), Lock()
        self._providers: dict[str, Any] = {}
        self._bounds: dict[str, Bounds | None] = {}
        self._workers = Workers(live=64, hung=64)

    @classmethod
    def to(cls, provider: Any, name: str = "fake") -> Router:
        """A router to one provider for everything, a hand-made one for instance; nothing is stored."""
        return cls(Routing(dict.fromkeys(CAPABILITIES, (name,))), lambda _name, _settings: provider)

    def models(self, asking: Asking, ledger: Ledger) -> Models:
        """The capabilities, for one task."""
        return Models(partial(self.ask, asking=asking, ledger=ledger))

    def ask(self, question: Question, asking: Asking, ledger: Ledger) -> Answered:
        """The first answer of the chain. Raises what the last one asked raised."""
        observe = self._observe or (lambda _question, _told: None)
        try:
            answered = self._ask_chain(question, asking, ledger)
        except ProviderError as error:
            observe(question, error)
            raise
        observe(question, answered)
        return answered

    def _ask_chain(self, question: Question, asking: Asking, ledger: Ledger) -> Answered:
        chain = self.routing.chain(question)
        if not chain:
            message = f"no provider answers {question.name!r} on this stage: name one in its stage file"
            raise ProviderError(message, code="not-configured", attempts=0)
        *others, last = chain
        for position, name in enumerate(others):
            try:
                return self._in_time(name, question, asking, ledger, len(chain) - position)
            except Exception:  # noqa: S112  noted in the ledger, and in the decision's `degraded`
                continue
        return self._ask_one(last, question, asking, ledger)

    def _in_time(self, name: str, question: Question, asking: Asking, ledger: Ledger, sharers: int) -> Answered:
        """Ask one with somebody behind it: it gets its share of the time, whether or not its client keeps to it."""
        until = perf_counter() + min(asking.left() / sharers, 3600)
        outcome: list[Answered | BaseException] = []
        done = Event()

        def run() -> None:
            try:
                outcome.append(self._ask_one(name, question, replace(asking, until=until), ledger))
            except BaseException as error:
                outcome.append(error)
            done.set()

        job = Job(run)
        self._workers.submit(job)
        if not done.wait(max(0.0, until - perf_counter())):
            self._workers.abandon(job)
            raise ProviderError(f"{name} did not answer {question.name} in its share of the time", code="timeout")
        (result,) = outcome
        if isinstance(result, BaseException):
            raise result
        return result

    def _ask_one(self, name: str, question: Question, asking: Asking, ledger: Ledger) -> Answered:
        """From what is stored where that may be used, and the rest from the provider."""
        age = self.routing.age(question) if asking.reuse is None else asking.reuse
        if not age or not self._answers.kept:
            answer, _ = self._fly(name, question, asking, ledger)
            return Answered(_results(question, answer), ModelSource(**_who(name, answer)))
        keys = keys_of(question, name, self.routing.deciding(name))
        found = self._stored(name, question, keys, age)
        _note_reuse(name, question, found, ledger)
        results = [found[position].result if position in found else None for position in range(len(keys))]
        missing = [position for position in range(len(keys)) if position not in found]
        who: Any = next(iter(found.values()), None)
        if missing:
            asked = question.only(missing)
            who, own = self._fly(name, asked, asking, ledger)
            for position, result in zip(missing, _results(asked, who), strict=True):
                results[position] = result
            if own:
                ledger.answers += to_keep(asked, [keys[at] for at in missing], _results(asked, who), who)
        return Answered(results, ModelSource(**_who(name, who)))

    def _stored(self, name: str, question: Question, keys: list[str], age: float) -> dict[int, Stored]:
        seen, pin = self.identity.last(question, name), self.routing.pin(question, name)
        if seen is None or (pin is not None and pin != seen.version):
            return {}
        return self._answers.find(question, keys, seen.model, seen.version, age)

    def _fly(self, name: str, question: Question, asking: Asking, ledger: Ledger) -> tuple[Answer, bool]:
        """One call for all who ask the same at once; after a failed one each asks for itself. True: an own call."""
        key = name, tuple(question.digests())
        flight, leads = self._flights.board(key, asking.decision_id)
        if leads:
            answer = None
            try:
                answer = self._call(name, question, asking, ledger)
                return answer, True
            finally:
                self._flights.land(key, flight, answer)
        call = ledger.open(_call_of(name, question, attempts=0, shared=True, reused_from=flight.decision_id or None))
        landed = flight.landed.wait(min(asking.left(), 3600))
        ledger.close(call, None if flight.answer else "failed" if landed else "timeout")
        if not landed:
            raise ProviderError(f"{name} has not answered an identical {question.name} in time", code="timeout")
        if flight.answer is None:
            return self._call(name, question, asking, ledger), True
        call.model, call.version, call.units = flight.answer.model, flight.answer.version, flight.answer.units
        return replace(flight.answer, result=deepcopy(flight.answer.result)), False

    def _call(self, name: str, question: Question, asking: Asking, ledger: Ledger) -> Answer:
        """The provider's answer, noted however it ends."""
        call = ledger.open(_call_of(name, question, error="timeout"))  # what it is if nobody closes it
        try:
            answer = self._bounded(name, question, asking, call)
            if not answer.provider:
                self.identity.note(question, name, answer, asking)
            self._check(name, question, answer)
        except ProviderError as error:
            call.attempts = error.attempts
            ledger.close(call, error.code)
            raise
        except BaseException:
            ledger.close(call, "failed")
            raise
        ledger.close(call)
        return answer

    def _bounded(self, name: str, question: Question, asking: Asking, call: Call) -> Answer:
        provider = self.provider(name)
        method = getattr(provider, question.capability, None)
        if method is None:
            raise ProviderError(f"{name} does not answer {question.capability}", code="not-configured", attempts=0)
        bounds = self._bounds_of(name, provider)
        if bounds is None:
            answer: Answer = method(*question.arguments, asking)
        else:
            with bounds.entered(asking):
                answer = method(*question.arguments, asking)
        call.model, call.version = answer.model, answer.version
        call.units, call.attempts = answer.units, answer.attempts
        return answer

    def _check(self, name: str, question: Question, answer: Answer) -> None:
        if question.capability in BY_ITEM and len(answer.result) != len(question.items):
            message = f"{name} answered {len(answer.result)} of {len(question.items)} items"
            raise ProviderError(message, code="bad-answer", attempts=answer.attempts)
        pin = self.routing.pin(question, name)
        if pin is not None and pin != answer.version:
            answered = f"{answer.model} {answer.version}"
            message = f"{name} answered {question.name} by {answered}, and the stage pins version {pin}"
            raise ProviderError(message, code="model-mismatch", attempts=answer.attempts)

    def provider(self, name: str) -> Any:
        """A provider, imported and made on its first use."""
        if name not in self._providers:
            with self._lock:
                if name not in self._providers:
                    self._providers[name] = self._make(name, self.routing.own(name))
        return self._providers[name]

    def _bounds_of(self, name: str, provider: Any) -> Bounds | None:
        if name not in self._bounds:
            with self._lock:
                if name not in self._bounds:
                    from chalicelib.calling.bounds import Bounds

                    managed = getattr(provider, "MANAGED", False)
                    self._bounds[name] = Bounds(name, self.routing.limits(name)) if managed else None
        return self._bounds[name]


def _results(question: Question, answer: Answer) -> list[Any]:
    return list(answer.result) if question.capability in BY_ITEM else [answer.result]


def _who(name: str, answered: Any) -> dict[str, str]:
    return {"provider": getattr(answered, "provider", "") or name, "model": answered.model, "version": answered.version}


def _call_of(name: str, question: Question, **noted: Any) -> Call:
    items = len(question.items) if question.capability in BY_ITEM else 1
    return Call(question.capability, name, "", "", 0.0, question.model, items, **noted)


def _note_reuse(name: str, question: Question, found: dict[int, Stored], ledger: Ledger) -> None:
    """One entry for each decision that something was taken from."""
    by_decision: dict[str, list[Stored]] = {}
    for stored in found.values():
        by_decision.setdefault(stored.decision_id, []).append(stored)
    for decision_id, taken in by_decision.items():
        ledger.calls.append(
            Call(
                question.capability,
                name,
                taken[0].model,
                taken[0].version,
                0.0,
                question.model,
                len(taken),
                units=sum(stored.units for stored in taken),
                attempts=0,
                reused_from=decision_id,
            )
        )
