"""Parameters: a use case's tunable values, plain module globals as in papermill.

The generated module calls :func:`bind` right after the code of the ``parameters`` cell, so that
whatever later cells derive from a parameter follows its override.
"""

from __future__ import annotations

import difflib
import typing
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from chalicelib.errors import ContractError, Fault
from chalicelib.facts import canonical
from chalicelib.names import NamedFault

OVERRIDES = "__artemis_overrides__"  # set by the loader before the module's code runs
PARAMETERS = "__artemis_parameters__"  # left by bind: the Parameters in force


@dataclass(frozen=True, slots=True)
class Parameters:
    """``values`` in force, and their validation: one schema for all, a fifth of the time of one each."""

    values: dict[str, Any]
    adapter: TypeAdapter[Any] | None = None
    names: tuple[str, ...] = ()

    def check(self, overrides: dict[str, Any]) -> dict[str, Any]:
        """All values under ``overrides``, validated. Raises ContractError naming each misfit."""
        faults = [_unknown(name, self.names) for name in overrides if name not in self.names]
        validated: dict[str, Any] = {}
        try:
            if self.adapter:
                validated = self.adapter.validate_json(canonical({**self.values, **overrides}), strict=True)
        except ValidationError as error:
            faults += [_misfit(dict(detail), overrides) for detail in error.errors(include_url=False)]
        except (TypeError, ValueError) as error:
            message, hint = f"a parameter is not a finite JSON value: {error}", "JSON knows no NaN and no infinity"
            faults.append(Fault("parameters", message, hint))
        if faults:
            raise ContractError("parameters", faults)
        return validated


def bind(namespace: dict[str, Any], *names: str) -> None:
    """Validate the parameters ``names`` and put the overrides in place of their defaults.

    Validation is strict, as JSON: ``"0.6"`` is no float, ``true`` is no int, names that are no
    parameter are refused. Raises ContractError with every fault found.
    """
    overrides: dict[str, Any] = namespace.get(OVERRIDES, {})
    defaults = {name: namespace[name] for name in names}
    typed_dict: Any = TypedDict  # made at run time
    adapter = TypeAdapter(typed_dict("Parameters", _evaluated(namespace, names))) if names else None
    validated = Parameters(defaults, adapter, names).check(overrides)
    namespace.update({name: validated[name] for name in overrides})
    namespace[PARAMETERS] = Parameters({name: namespace[name] for name in names}, adapter, names)


def _evaluated(namespace: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The evaluated annotations of module globals; ``from __future__ import annotations`` or not."""
    written = {name: namespace["__annotations__"][name] for name in names}
    return typing.get_type_hints(SimpleNamespace(__annotations__=written), globalns=namespace, include_extras=True)


def _unknown(name: str, names: tuple[str, ...]) -> Fault:
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "the parameters are " + (", ".join(sorted(names)) or "none")
    return Fault("parameters", f"{name!r} is no parameter of this use case", hint)


def _misfit(detail: dict[str, Any], overrides: dict[str, Any]) -> Fault:
    name = str(detail["loc"][0])
    source = "the override" if name in overrides else "the default"
    message = f"{source} of {name!r} does not fit its annotation: {detail['msg']}"
    return NamedFault("parameters", message, f"give a value that fits, or change {name}'s annotation", name=name)
