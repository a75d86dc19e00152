"""How many past decisions a deployment would make others: each use case that changes, replayed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from workbench.deploying.record import Flips
from workbench.project import Project

PERIOD, MOST = timedelta(days=7), 20_000  # back from now; the newest so many decisions of each use case


def flips(project: Project, url: str, stage: str, use_cases: Iterable[str]) -> tuple[list[Flips], list[str]]:
    """What was found, and of which use cases nothing can be said, with why. The database is only read."""
    from chalicelib.errors import SettingsError
    from chalicelib.store.reading import NoDatabase, NoUrl, Unreadable
    from workbench.replaying.errors import CannotReplay
    from workbench.replaying.run import Asked, Replay

    now, found, notes = datetime.now(UTC), list[Flips](), list[str]()
    for name in use_cases:
        try:
            tally = Replay(project, url, Asked(name, now - PERIOD, now, stage, MOST)).report().tally
            found.append(Flips(use_case=name, flips=tally.flips, decisions=tally.replayed))
        except (CannotReplay, SettingsError, NoDatabase, NoUrl, Unreadable) as error:
            notes.append(f"{name}: past decisions were not replayed: {error}")
    return found, notes
