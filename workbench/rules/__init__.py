"""The rules: one function each, named for its rule.

A rule takes a draft and yields problems; none stops another, so all of a notebook's problems are
reported at once. What needs the code to run (annotations, defaults, fallbacks) is found when the
build loads the module, and documented in ``loading``. Importing this package fills the catalogue.
"""

from __future__ import annotations

from workbench.rules import (  # noqa: F401  in the order of docs/rules.md
    capability,
    closure,
    contract,
    effects,
    facts,
    form,
    imports,
    loading,
    optout,
    outputs,
    patterns,
    purity,
    rebinding,
    secret,
    set_order,
    shadowing,
    state,
    syntax,
    tagging,
    unused,
    version,
)
from workbench.rules.catalogue import CATALOGUE, run

__all__ = ["CATALOGUE", "check"]

check = run
