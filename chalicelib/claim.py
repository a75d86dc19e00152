"""A claim: who decides a request that came with an Idempotency-Key, and until when nobody else may."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

RUNNING = "running"
OPEN = "open"  # its owner ended without a decision: whoever asks next takes it over
DONE = "done"

KEPT = timedelta(hours=24)
MARGIN = timedelta(seconds=3)  # what an owner has after its deadline, to store what it decided


@dataclass(frozen=True, slots=True)
class Claim:
    """One key of one client for one use case.

    Args:
        claim: its id; another request under the same key, after this one expired, has another.
        payload: digest of what was asked.
        decision_id: of the attempt that runs, or ran last: its owner.
        created_at: the first attempt's `now`, and every later one's.
        salt: of the fact keys, encrypted; where the use case has sensitive fields.
        subject: whose decision it will be.
    """

    client: str
    use_case: str
    key: str
    claim: str
    payload: str
    state: str
    decision_id: str
    owned_until: datetime
    created_at: datetime
    expires_at: datetime
    salt: str | None = None
    subject: str | None = None

    def is_owned(self, at: datetime) -> bool:
        """Whether somebody decides it. Who is past the time is taken for dead."""
        return self.state == RUNNING and at < self.owned_until

    def is_expired(self, at: datetime) -> bool:
        """Whether it counts as not there. What is being decided does not expire."""
        return self.expires_at <= at and not self.is_owned(at)

    def is_free(self, at: datetime) -> bool:
        """Whether another attempt may be made."""
        return self.state != DONE and not self.is_owned(at)

    def taken_over(self, by: Claim) -> Claim:
        """This claim with another's owner."""
        return replace(self, state=RUNNING, decision_id=by.decision_id, owned_until=by.owned_until)
