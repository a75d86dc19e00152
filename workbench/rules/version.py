"""The contract's version, which stands in the notebook's metadata."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from workbench.draft import Draft
from workbench.problems import Problem, at
from workbench.rules.catalogue import elsewhere, rule

HIGHEST = 99  # each is a route of its own
HINT = 'in the notebook\'s metadata (Property Inspector) write {"artemis": {"contract": 2}}'


@rule("contract-version")
def contract_version(draft: Draft) -> Iterator[Problem]:
    """The notebook's metadata gives the contract as a whole number from 1.

    It is 1 where nothing is said. A change that breaks clients raises it:
    `{"artemis": {"contract": 2}}`, and the decisions are then asked for at `/v2/…`.
    """
    if draft.notebook.settings is None:
        return
    for message in _faults(draft.notebook.settings):
        yield at(draft.notebook, None, "contract-version", message, HINT)


def _faults(settings: object) -> Iterator[str]:
    if not isinstance(settings, dict):
        yield f"'artemis' in the notebook's metadata is {_shown(settings)}, not an object"
        return
    for key in sorted(settings.keys() - {"contract"}):
        close = difflib.get_close_matches(key, ["contract"])
        yield f"unknown key {key!r} under 'artemis' in the notebook's metadata" + (
            "; it is 'contract'" if close else ""
        )
    found = settings.get("contract", 1)
    if type(found) is not int or not 1 <= found <= HIGHEST:
        yield f"the contract is {_shown(found)}, not a whole number from 1 to {HIGHEST}"


def _shown(value: object) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:40] + "…"


elsewhere(
    "frozen-module",
    """A frozen contract is served by the module it was frozen with, byte for byte.

    It lies in `chalicelib/usecases/frozen/` with its entry beside it; `artemis contract freeze` and `unfreeze`
    write and remove both.
    """,
)
