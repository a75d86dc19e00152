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
from chalicelib.calling.flights import Flight, Flights
from chalicelib.calling.identity import Identity
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.notes import call_of, note_reuse, results_of, source_of, storable
from chalicelib.calling.reuse import Answers, Stored, to_keep
from chalicelib.calling.routing import Routing
from chalicelib.errors import ProviderError
from chalicelib.models import CAPABILITIES, Models, ModelSource
from chalicelib.questions import BY_ITEM, Question
from chalicelib.vault import Vault
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
        vault: opens what is stored encrypted.
    """

    def __init__(
        self,
        routing: Routing,
        make: Callable[[str, Any], Any],
        memory: Callable[[], Any] | None = None,
        observe: Observer | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.routing, self._make, self._observe = routing, make, observe
        self._answers, self.identity = Answers(memory, vault), Identity(memory)
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
            answered = self._ask_distinct(question, asking, ledger)
        except ProviderError as error:
            observe(question, error)
            raise
        observe(question, answered)
        return answered

    def _ask_distinct(self, question: Question, asking: Asking, ledger: Ledger) -> Answered:
        """Equal items of one list are asked about, and paid for, once."""
        digests = question.digests if len(question.items) > 1 else []
        distinct = {digest: position for position, digest in reversed(list(enumerate(digests)))}
        if len(distinct) == len(digests):
            return self._ask_chain(question, asking, ledger)
        positions = sorted(distinct.values())
        answered = self._ask_chain(question.only(positions), asking, ledger)
        results = dict(zip((digests[position] for position in positions), answered.results, strict=True))
        return Answered([deepcopy(results[digest]) for digest in digests], answered.source)

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
        if self._workers.exhausted:  # nobody else counts them: who stands in answers, and all seems well
            raise ProviderError(f"{name}: too many calls hang", code="busy", attempts=0)
        until = perf_counter() + min(asking.left() / sharers, 3600)
        outcome: list[Answered | BaseException] = []
        done, since = Event(), len(ledger.calls)

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
            ledger.give_up(since)
            raise ProviderError(f"{name} did not answer {question.name} in its share of the time", code="timeout")
        (result,) = outcome
        if isinstance(result, BaseException):
            raise result
        return result

    def _ask_one(self, name: str, question: Question, asking: Asking, ledger: Ledger) -> Answered:
        """From what is stored where that may be used, and the rest from the provider."""
        age = self.routing.age(question) if asking.reuse is None else asking.reuse
        if not age or not self._answers.kept or question.is_fleeting:
            answer, _ = self._fly(name, question, asking, ledger)
            return Answered(results_of(question, answer), source_of(name, answer))
        keys = self._answers.keys(question, name, self.routing.deciding(name))
        found = self._stored(name, question, keys, age)
        note_reuse(name, question, found, ledger)
        results = [found[position].result if position in found else None for position in range(len(keys))]
        missing = [position for position in range(len(keys)) if position not in found]
        who: Any = next(iter(found.values()), None)
        if missing:
            asked = question.only(missing)
            who, own = self._fly(name, asked, asking, ledger)
            for position, result in zip(missing, results_of(asked, who), strict=True):
                results[position] = result
            if own:
                ledger.answers += to_keep(asked, [keys[at] for at in missing], results_of(asked, who), who)
            if found and (who.model, who.version) != next((one.model, one.version) for one in found.values()):
                # the model has changed meanwhile: what was found is another's
                asked = question.only(sorted(found))
                who, _ = self._fly(name, asked, asking, ledger)
                for position, result in zip(sorted(found), results_of(asked, who), strict=True):
                    results[position] = result
        return Answered(results, source_of(name, who))

    def _stored(self, name: str, question: Question, keys: list[str], age: float) -> dict[int, Stored]:
        seen, pin = self.identity.last(question, name), self.routing.pin(question, name)
        if seen is None:
            return {}
        return self._answers.find(question, keys, seen.model, pin or seen.version, age)

    def _fly(
        self, name: str, question: Question, asking: Asking, ledger: Ledger, failed: int = 0
    ) -> tuple[Answer, bool]:
        """One call for all who ask the same at once; if it fails one more, for all who are left. True: an own call."""
        key = name, tuple(question.digests)
        flight, leads = self._flights.board(key, asking)
        if leads:
            return self._lead(key, flight, partial(self._call, name, question, asking, ledger)), True
        call = ledger.open(call_of(name, question, attempts=0, shared=True, reused_from=flight.decision_id or None))
        landed = flight.landed.wait(min(asking.left(), flight.left(), 3600))
        ledger.close(call, None if flight.answer else "failed" if landed else "timeout")
        if not landed and not asking.left():
            raise ProviderError(f"{name} has not answered an identical {question.name} in time", code="timeout")
        if flight.answer is None:
            if landed and failed and flight.error is not None:
                raise flight.error
            return self._fly(name, question, asking, ledger, failed + landed)
        call.model, call.version, call.units = flight.answer.model, flight.answer.version, flight.answer.units
        return replace(flight.answer, result=deepcopy(flight.answer.result)), False

    def _lead(self, key: Any, flight: Flight, call: Callable[[], Answer]) -> Answer:
        answer, failure = None, None
        try:
            answer = call()
        except BaseException as error:
            failure = error
            raise
        finally:
            self._flights.land(key, flight, answer, failure)
        return answer

    def _call(self, name: str, question: Question, asking: Asking, ledger: Ledger) -> Answer:
        """The provider's answer, noted however it ends."""
        call = ledger.open(call_of(name, question, error="timeout"))  # what it is if nobody closes it
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
        answer = replace(answer, model=storable(answer.model, 200), version=storable(answer.version, 100))
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
