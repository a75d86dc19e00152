"""Deciding a past decision again, from its facts.

A fact is used where the candidate would ask the same: its task has the same fingerprint, and is given the same. For
most tasks that is known once for each version that decided; a task that is given what other steps gave has its fact key
made anew for each decision, as the engine makes it. A task that failed then takes the fallback that it has now.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import ValidationError

from chalicelib import intake
from chalicelib.blobs import SIGN
from chalicelib.errors import KeyMissing, RecordUnavailable
from chalicelib.facts import NotRecordable
from chalicelib.graph import Step
from chalicelib.known import Known
from chalicelib.run import Intake
from chalicelib.sensitive import SEALED
from chalicelib.trace import recompute
from chalicelib.usecase import UseCase
from chalicelib.vault import Vault
from workbench.replaying.candidate import is_same_code
from workbench.replaying.past import Fact, Past
from workbench.replaying.straight import Missing, Straight
from workbench.replaying.versions import Version

SETTLED = 8_192  # texts of decisions that are kept
NEW, CHANGED, OTHERWISE = "new", "changed", "asked about something else"
Need = tuple[str, str]  # a task that would have to be asked, and why


class Redone(NamedTuple):
    """What a candidate decides. One of them is set, but of ``needs`` several tasks.

    ``decision``: JSON text. ``failed``: the step that fails. ``needs``: tasks that would have to be asked, and why.
    ``unread``: why the record cannot be read.
    """

    decision: str | None = None
    failed: str = ""
    needs: tuple[Need, ...] = ()
    unread: str = ""


class _Plan(NamedTuple):
    """How facts of one version are used. ``needs``: tasks of which they answer another question. ``same``: it is the
    same code, so a request is read as it was. ``unknown``: nothing is known of the version, so every key is made."""

    needs: tuple[Need, ...] = ()
    same: bool = True
    unknown: bool = False


class Redo:
    """Decides again as one candidate does.

    Args:
        versions: those that decided.
        fetch: gives the text that a column stands for.
        memo: as of ``Straight``.
    """

    def __init__(
        self,
        usecase: UseCase,
        versions: Mapping[str, Version],
        vault: Vault | None = None,
        fetch: Callable[[str], str] = str,
        memo: bool = True,
    ) -> None:
        self.usecase, self.versions = usecase, versions
        self.vault, self.fetch = vault or Vault(), fetch
        self.straight = Straight(usecase, memo)
        self.tasks = tuple(step for step in usecase.graph.steps if step.task)
        # tasks that are given what other steps gave: whether their facts are of use is known for each decision only
        self.given = {step.name for step in self.tasks if not usecase.graph.by_name.keys().isdisjoint(step.needs)}
        self.fallbacks = {step.name: step.fallback for step in self.tasks}
        decide = usecase.graph.by_name["decide"].codec
        assert decide is not None
        self.codec = decide
        self._plans: dict[str, _Plan] = {}
        self._settled: set[str] = set()

    def redo(self, past: Past) -> Redone:
        """What the candidate decides. Whatever its steps raise is in the answer."""
        plan = self._plans.get(past.version) or self._plan(past.version)
        if plan.needs:
            return Redone(needs=plan.needs)
        try:
            texts, failed = self._texts(past.facts)
            if failed and plan.same:
                return Redone(failed=failed)
            return self._decide(past, plan, texts, failed)
        except (RecordUnavailable, KeyMissing, ValidationError) as error:
            return Redone(unread=_unread(error))

    def text(self, stored: str) -> str:
        """What a column holds, fetched and opened. Raises RecordUnavailable, KeyMissing."""
        if stored[:1] == SIGN:
            stored = self.fetch(stored)
        return self.vault.open(stored) if SEALED in stored else stored

    def inputs(self, past: Past) -> tuple[str, dict[str, str]]:
        """The request's record, and task -> its result, for ``trace.recompute``. Raises as ``text``."""
        return self.text(past.request), self._texts(past.facts)[0]

    def _plan(self, version: str) -> _Plan:
        known = self.versions.get(version)
        if known is None:
            plan = _Plan(same=False, unknown=True)
        else:
            ours = self.usecase.fingerprints
            names = [step.name for step in self.tasks if known.fingerprints.get(step.name) != ours.get(step.name)]
            needs = [(name, self._why(known, name)) for name in names]
            plan = _Plan(tuple(needs), is_same_code(known.code, self.usecase.code.decode()))
        self._plans[version] = plan
        return plan

    def _why(self, version: Version, task: str) -> str:
        entry = version.candidate.tasks.get(task)
        if entry is None:
            return NEW
        # the same code, under another value of a parameter
        return OTHERWISE if entry["source"] == self.usecase.source.tasks[task]["source"] else CHANGED

    def _texts(self, facts: Mapping[str, Fact]) -> tuple[dict[str, str], str]:
        """Task -> its result; and a task that failed and has no fallback now, if there is one."""
        texts, without = dict[str, str](), ""
        for task, (_, output, failed) in facts.items():
            if failed and task in self.fallbacks:
                output = self.fallbacks[task]
                if output is None and task not in self.given:
                    without = task
            if output is not None:
                texts[task] = self.text(output) if output[:1] == SIGN or SEALED in output else output
        return texts, without

    def _decide(self, past: Past, plan: _Plan, texts: dict[str, str], failed: str) -> Redone:
        record = self.text(past.request)
        request = intake.unseal(self.usecase.request_model, record)
        try:
            if plan.same and not self.given:
                value = self.straight.decide(request, past.now, texts, None)
            else:
                checks = self._checked(past, plan, record, request)
                if failed:
                    return Redone(failed=failed)
                value = self.straight.decide(request, past.now, texts, checks.one)
            return Redone(self._settle(value))
        except Missing as missing:
            if missing.is_other:
                return Redone(needs=((missing.task, OTHERWISE),))
            return self._without(past, record, texts, missing.task)
        except KeyboardInterrupt:
            raise
        except NotRecordable as error:
            return self._unfit(texts, error)
        except BaseException as error:
            return Redone(failed=self._raised_in(error))

    def _checked(self, past: Past, plan: _Plan, record: str, request: Any) -> _Checks:
        """Raises Missing where a fact answers another question, as far as that is known before a step is called."""
        checks = _Checks(self, past, record, request)
        if plan.unknown or (not plan.same and request.model_dump_json(round_trip=True, warnings=False) != record):
            checks.all()
        return checks

    def _without(self, past: Past, record: str, texts: dict[str, str], task: str) -> Redone:
        """What comes of a decision of which a task has no result: it failed, or was not asked."""
        fact = past.facts.get(task)
        if fact is None and past.failure:  # it failed before the task was asked: perhaps it still does
            logic = recompute(self.usecase, record, texts, past.now)
            if "error" in logic.get(failed_step(past), {}):
                return Redone(failed=failed_step(past))
        return Redone(failed=task) if fact is not None else Redone(needs=((task, NEW),))

    def _settle(self, value: Any) -> str:
        """The decision as it would be recorded."""
        text = self.codec.encode(value)
        if text in self._settled:
            return text
        settled, _ = self.codec.settle(value)
        if settled == text:
            if len(self._settled) >= SETTLED:
                self._settled.clear()
            self._settled.add(text)
        return settled

    def _unfit(self, texts: dict[str, str], error: NotRecordable) -> Redone:
        """A fact that its annotation does not take any more; else the decision is none."""
        for step in self.tasks:
            try:
                if step.codec is not None and step.name in texts:
                    step.codec.decode(texts[step.name])
            except NotRecordable as misfit:
                return Redone(unread=f"the fact of task {step.name!r} no longer fits: {misfit}")
        return Redone(failed=self._raised_in(error))

    def _raised_in(self, error: BaseException) -> str:
        """The step whose function was running."""
        codes = {step.function.__code__: step.name for step in self.usecase.graph.steps}
        name, traceback = "decide", error.__traceback__
        while traceback is not None:
            name = codes.get(traceback.tb_frame.f_code, name)
            traceback = traceback.tb_next
        return name


class _Checks:
    """Whether facts answer what the candidate would ask for this decision."""

    def __init__(self, redo: Redo, past: Past, record: str, request: Any) -> None:
        self.redo, self.past, self.record, self.request = redo, past, record, request

    @cached_property
    def _intake(self) -> Intake:
        return Intake(self.request, self.request, self.record, self.redo.vault.open_salt(self.past.salt))

    def all(self) -> None:
        """Of the tasks that are given nothing by other steps. Raises Missing."""
        for step in self.redo.tasks:
            if step.name not in self.redo.given:
                self.one(step, {}, {})

    def one(self, step: Step, values: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        """Of a task that is given ``values`` of logic, and results of tasks as ``texts``. Raises Missing."""
        fact = self.past.facts.get(step.name)
        known = Known(self.redo.usecase, self._intake, self.past.now)
        known.values.update(values)
        known.texts.update(texts)
        try:
            key = known.fact_key(step)
        except NotRecordable:
            raise Missing(step.name, is_other=True) from None
        if fact is not None and fact.key != key:
            raise Missing(step.name, is_other=True)


def _unread(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the request"
        return f"the recorded request no longer fits Request, at {where}"
    return str(getattr(error, "detail", error))


def failed_step(past: Past) -> str:
    """The step that a stored decision failed in; empty of one that did not."""
    return str(json.loads(past.failure)["step"]) if past.failure else ""


def is_late(past: Past) -> bool:
    """Whether it failed for want of time alone: nothing of that is in the facts."""
    return bool(past.failure) and json.loads(past.failure or "{}")["kind"] == "deadline"
