"""What came out of a replay, counted: it stays small however many decisions there were, and two can be added."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from chalicelib.rows import LONGEST_OUTCOME
from workbench.replaying.agreement import Cell
from workbench.replaying.past import Past
from workbench.replaying.ranks import first_of, overlap, same_order
from workbench.replaying.redo import Need, Redone, failed_step, is_late

EXAMPLES = 5  # of each kind of change
WHYS = 50  # reasons why decisions cannot be compared: some name the decision
FAILED, DECIDED = "failed", "decided"  # the outcome of a decision that failed, and of one that has none of its own
REASONS = ("reasons", "reason")  # the field of a decision that says why


class Example(NamedTuple):
    """A decision that changed: its id and time, and what of it did, before and after."""

    id: str
    at: str
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass
class Tally:
    """Counts of one candidate's decisions beside those that were made.

    Args:
        changes: (day, outcome before, outcome after) -> decisions.
        same: decisions that are the same to the last byte.
        changed: day -> decisions that are not the same.
        fields: field -> decisions with the same outcome in which it differs.
        reasons: (reason, "gained" or "lost") -> flips.
        examples: (outcome before, after) -> the first of them.
        apart: why decisions could not be compared -> how many.
        needs: (task, why) -> decisions for which it would have to be asked; ``needing``: some of them.
        cells: labelled decisions by what counts of them.
        overlaps: of rankings, share of the first places in tenths -> decisions. ``first``: same first place;
            ``ordered``: the same first places in the same order.
        versions: version that decided -> decisions.
    """

    ranked: bool = False
    changes: Counter[tuple[date, str, str]] = field(default_factory=Counter)
    same: int = 0
    changed: Counter[date] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[Example]] = field(default_factory=dict)
    apart: Counter[str] = field(default_factory=Counter)
    needs: Counter[Need] = field(default_factory=Counter)
    needing: dict[Need, list[str]] = field(default_factory=dict)
    cells: Counter[Cell] = field(default_factory=Counter)
    overlaps: Counter[int] = field(default_factory=Counter)
    overlap_sum: float = 0.0
    first: int = 0
    ordered: int = 0
    versions: Counter[str] = field(default_factory=Counter)

    @property
    def replayed(self) -> int:
        return self.changes.total()

    @property
    def groups(self) -> Counter[tuple[str, str]]:
        """(outcome before, after) -> decisions."""
        found = Counter[tuple[str, str]]()
        for (_, before, after), count in self.changes.items():
            found[before, after] += count
        return found

    @property
    def flips(self) -> int:
        """Decisions that changed: their outcome, or of rankings anything."""
        if self.ranked:
            return self.replayed - self.same
        return sum(count for (_, before, after), count in self.changes.items() if before != after)

    @property
    def overlap(self) -> float:
        """Of rankings, the mean share of the first places that both have."""
        ranked = self.same + self.overlaps.total()
        return (self.same + self.overlap_sum) / ranked if ranked else 1.0

    @property
    def read(self) -> int:
        return self.replayed + self.apart.total()

    def add(self, past: Past, redone: Redone, opened: Any) -> None:
        """Count one. ``opened``: gives a stored decision's text in the clear, and masked what may be shown of it."""
        self.versions[past.version] += 1
        if redone.needs or redone.unread or is_late(past):
            self._set_apart(past, redone)
            return
        before = FAILED if past.status == FAILED else past.outcome or DECIDED
        if redone.decision is not None and redone.decision == past.decision:
            self.same += 1
            after = before
        else:
            after = self._differing(past, redone, before, opened)
        self.changes[past.now.date(), before, after] += 1
        if past.label is not None:
            self.cells[Cell(before, past.label.weight, past.label.outcome, before, after)] += 1

    def _set_apart(self, past: Past, redone: Redone) -> None:
        if redone.needs:
            self.apart["needs calls"] += 1
            for need in redone.needs:
                self.needs[need] += 1
                if len(found := self.needing.setdefault(need, [])) < EXAMPLES * 40:
                    found.append(past.id)
        elif redone.unread:
            is_known = redone.unread in self.apart or len(self.apart) < WHYS
            self.apart[redone.unread if is_known else "for other reasons"] += 1
        else:
            self.apart["failed by its deadline: time is not replayed"] += 1

    def _differing(self, past: Past, redone: Redone, before: str, opened: Any) -> str:
        """What a decision is now that is not the same text. Gives its outcome."""
        old_text, old = opened(past.decision)
        new_text, new = opened(redone.decision)
        if old_text is None and new_text is None and failed_step(past) == redone.failed:
            self.same += 1
            return before
        if old_text is not None and new_text is not None and json.loads(old_text) == json.loads(new_text):
            self.same += 1
            return before
        after = FAILED if new_text is None else _outcome(json.loads(new_text))
        self.changed[past.now.date()] += 1
        if old is not None and new is not None:
            self._rank(old, new)
        self._note(past, before, after, old or {"failed": failed_step(past)}, new or {"failed": redone.failed})
        return after

    def _note(self, past: Past, before: str, after: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if before == after and not self.ranked:
            self.fields.update(differing)
            return
        if before != after:
            lost, gained = _reasons(old), _reasons(new)
            self.reasons.update((reason, "gained") for reason in gained if reason not in lost)
            self.reasons.update((reason, "lost") for reason in lost if reason not in gained)
        elif self.ranked:
            self.fields.update(differing)
        found = self.examples.setdefault((before, after), [])
        if len(found) < EXAMPLES:
            kept = [*differing, *(name for name in REASONS if name not in differing)]
            shown = [{name: one[name] for name in kept if name in one} for one in (old, new)]
            found.append(Example(past.id, past.now.isoformat(timespec="seconds"), *shown))

    def _rank(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        shared = overlap(old or {}, new or {}) if self.ranked else None
        if shared is not None:
            self.overlaps[int(shared * 10)] += 1
            self.overlap_sum += shared
            self.first += first_of(old or {}) == first_of(new or {})
            self.ordered += same_order(old or {}, new or {})

    def __add__(self, other: Tally) -> Tally:
        made = Tally(self.ranked)
        for name in ("changes", "changed", "fields", "reasons", "apart", "needs", "cells", "overlaps", "versions"):
            setattr(made, name, getattr(self, name) + getattr(other, name))
        for name in ("same", "overlap_sum", "first", "ordered"):
            setattr(made, name, getattr(self, name) + getattr(other, name))
        made.examples = _joined(self.examples, other.examples, EXAMPLES)
        made.needing = _joined(self.needing, other.needing, EXAMPLES * 40)
        return made


def _joined(ours: dict[Any, list[Any]], theirs: dict[Any, list[Any]], most: int) -> dict[Any, list[Any]]:
    return {key: [*ours.get(key, ()), *theirs.get(key, ())][:most] for key in {**ours, **theirs}}


def _outcome(decision: dict[str, Any]) -> str:
    outcome = decision.get("outcome")
    return outcome if isinstance(outcome, str) and len(outcome) <= LONGEST_OUTCOME else DECIDED  # as it is stored


def _reasons(decision: dict[str, Any]) -> list[str]:
    found: Any = next((decision[name] for name in REASONS if decision.get(name)), [])
    listed = found if isinstance(found, list) else [found]
    return [one for one in listed if isinstance(one, str)]
