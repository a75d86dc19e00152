"""Parameters: a use case's tunable values, plain module globals as in papermill.

The generated module calls :func:`bind` right after the code of the ``parameters`` cell, so that
whatever later cells derive from a parameter follows its override.
"""

from __future__ import annotations

import difflib
import typing
from types import SimpleNamespace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from chalicelib.errors import ContractError, Fault
from chalicelib.facts import canonical

OVERRIDES = "__artemis_overrides__"  # set by the loader before the module's code runs
PARAMETERS = "__artemis_parameters__"  # left by bind: every parameter's value in force


def bind(namespace: dict[str, Any], *names: str) -> None:
    """Validate the parameters ``names`` and put the overrides in place of their defaults.

    Validation is strict, as JSON: ``"0.6"`` is no float, ``true`` is no int, names that are no
    parameter are refused. Raises ContractError with every fault found.
    """
    overrides: dict[str, Any] = namespace.get(OVERRIDES, {})
    defaults = {name: namespace[name] for name in names}
    hints = evaluated(namespace, names)
    validated = check(hints, {**defaults, **overrides}, overrides)
    namespace.update({name: validated[name] for name in overrides})
    namespace[PARAMETERS] = {name: namespace[name] for name in names}


def evaluated(namespace: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The evaluated annotations of module globals; ``from __future__ import annotations`` or not."""
    written = {name: namespace["__annotations__"][name] for name in names}
    return typing.get_type_hints(SimpleNamespace(__annotations__=written), globalns=namespace, include_extras=True)


def check(hints: dict[str, Any], values: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """``values`` validated by their annotations. Raises ContractError naming each misfit."""
    faults = [_unknown(name, hints) for name in values if name not in hints]
    typed_dict: Any = TypedDict  # made at run time: one schema for all takes a fifth of the time of one each
    schema = typed_dict("Parameters", hints)
    try:
        validated: dict[str, Any] = TypeAdapter(schema).validate_json(canonical(values), strict=True)
    except ValidationError as error:
        faults += [_misfit(dict(detail), overrides) for detail in error.errors(include_url=False)]
    except (TypeError, ValueError) as error:
        faults.append(Fault("parameters", f"a parameter is not a finite JSON value: {error}"))
    if faults:
        raise ContractError("parameters", faults)
    return validated


def _unknown(name: str, hints: dict[str, Any]) -> Fault:
    close = difflib.get_close_matches(name, hints, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "the parameters are " + ", ".join(sorted(hints))
    return Fault("parameters", f"{name!r} is no parameter of this use case", hint)


def _misfit(detail: dict[str, Any], overrides: dict[str, Any]) -> Fault:
    name = str(detail["loc"][0])
    source = "the override" if name in overrides else "the default"
    return Fault("parameters", f"{source} of {name!r} does not fit its annotation: {detail['msg']}")
