"""The manifest: what the build knows of every use case, so that serving needs no notebook."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.errors import SettingsError
from chalicelib.usecase import Source

GENERATED = Path(__file__).parent / "usecases"
FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """``use_cases``: name -> entry; ``stages``: name -> stage file's content; ``folder``: the modules'.

    ``pricing``: provider -> operation -> price; empty where there is no price list.
    ``frozen``: name -> contract -> entry of a contract that is served beside the notebook's own. Its
    entry holds the parameters of each stage as they were when it was frozen, under ``overrides``.
    """

    use_cases: dict[str, dict[str, Any]]
    stages: dict[str, dict[str, Any]]
    folder: Path = GENERATED
    frozen: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    pricing: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path = GENERATED) -> Manifest:
        """Raises SettingsError when there is none, or it is of another format."""
        try:
            content = json.loads((folder / "manifest.json").read_bytes())
        except FileNotFoundError:
            raise SettingsError(["there is no manifest: run `artemis build`"]) from None
        except ValueError as error:
            raise SettingsError([f"the manifest is damaged ({error}): run `artemis build`"]) from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise SettingsError(["the manifest is of another version of Artemis: run `artemis build`"])
        frozen = content.get("frozen", {})
        kept = {name: {int(contract): entry for contract, entry in of.items()} for name, of in frozen.items()}
        return cls(content["use_cases"], content["stages"], folder, kept, content.get("pricing", {}))

    @property
    def names(self) -> list[str]:
        """Every use case, also those of which only frozen contracts are left."""
        return sorted(self.use_cases.keys() | self.frozen.keys())

    def contracts(self, name: str) -> dict[int, dict[str, Any]]:
        """Contract -> entry of all that is served of a use case, in order; the notebook's own comes before a frozen."""
        own = self.use_cases.get(name)
        found = self.frozen.get(name, {}) | ({contract_of(own): own} if own else {})
        return dict(sorted(found.items()))

    def current(self, name: str) -> int:
        """The contract that the notebook has; the newest frozen one where the notebook is gone."""
        return contract_of(self.use_cases[name]) if name in self.use_cases else max(self.frozen[name])

    @property
    def sensitive(self) -> list[str]:
        """The use cases that have sensitive fields, in any contract that is served."""
        return [name for name in self.names if any(entry.get("sensitive") for entry in self.contracts(name).values())]

    @property
    def highest_contract(self) -> int:
        return max((contract for name in self.names for contract in self.contracts(name)), default=1)

    def is_frozen(self, name: str, contract: int) -> bool:
        """Whether this contract is served by a module that was put aside, not by the notebook's."""
        return name not in self.use_cases or contract_of(self.use_cases[name]) != contract

    def source(self, name: str, contract: int | None = None) -> Source:
        """What the loader needs to know of a use case beyond its code."""
        entry = self.contracts(name)[contract or self.current(name)]
        return Source(entry["notebook"], tuple(tuple(cell) for cell in entry["cells"]), entry["tasks"])

    def module(self, name: str, contract: int | None = None) -> Path:
        contract = contract or self.current(name)
        frozen = self.is_frozen(name, contract)
        return self.folder / (f"frozen/{name}_v{contract}.py" if frozen else f"{name}.py")


def contract_of(entry: dict[str, Any]) -> int:
    """The contract of an entry; a manifest of before there were contracts has 1."""
    contract: int = entry.get("contract", 1)
    return contract


def decisions_path(name: str, contract: int) -> str:
    """Where a use case's decisions under a contract are asked for."""
    return f"/v{contract}/use-cases/{kebab(name)}/decisions"


def kebab(name: str) -> str:
    """A use case's name as it stands in paths."""
    return name.replace("_", "-")


def snake(name: str) -> str:
    """A use case's name as it stands everywhere else; takes either form."""
    return name.replace("-", "_")
