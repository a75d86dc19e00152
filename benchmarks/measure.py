"""Taking turns, medians, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

SCALES = {"ms": 1e3, "µs": 1e6, "MB": 1e-6}


@dataclass(frozen=True, slots=True)
class Series:
    """What was measured of one side, in seconds; of memory in bytes."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def p99(self) -> float:
        """The 99th percentile: of few values the greatest."""
        return sorted(self.values)[min(len(self.values) - 1, len(self.values) * 99 // 100)]

    def shown(self, unit: str) -> str:
        """Minimum, median and 99th percentile."""
        scaled = [value * SCALES[unit] for value in (min(self.values), self.median, self.p99)]
        return " / ".join(f"{value:.4g}" if value < 1000 else f"{value:.0f}" for value in scaled)

    def as_dict(self, unit: str) -> dict[str, Any]:
        scale = SCALES[unit]
        described = {"min": min(self.values), "median": self.median, "p99": self.p99, "max": max(self.values)}
        return {key: round(value * scale, 3) for key, value in described.items()} | {"runs": len(self.values)}


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison. ``ratio_limit`` bounds the ratio of medians, ``limit`` our median in seconds;
    None where there is no target. ``sound``: whether it was done as it has to be; None where that is no question."""

    name: str
    ours: Series
    peer_name: str
    peer: Series
    unit: str = "ms"
    ratio_limit: float | None = None
    limit: float | None = None
    sound: bool | None = None

    @property
    def ratio(self) -> float:
        return self.ours.median / self.peer.median

    @property
    def met(self) -> bool | None:
        """Whether every target is met; None where there is none."""
        checks = [self.sound] if self.sound is not None else []
        if self.ratio_limit is not None:
            checks.append(self.ratio <= self.ratio_limit)
        if self.limit is not None:
            checks.append(self.ours.median <= self.limit)
        return all(checks) if checks else None

    @property
    def target(self) -> str:
        parts = [f"≤ {self.ratio_limit:g}×"] if self.ratio_limit is not None else []
        parts += [f"≤ {self.limit * SCALES[self.unit]:g} {self.unit}"] if self.limit is not None else []
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours.as_dict(self.unit),
            "peer_name": self.peer_name,
            "peer": self.peer.as_dict(self.unit),
            "ratio": round(self.ratio, 3),
            "target": self.target,
            "met": self.met,
        }


def alternate(rounds: int, *sides: Callable[[], Any]) -> list[list[Any]]:
    """What each side returned, after all sides took their turn ``rounds`` times."""
    taken: list[list[Any]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, values in zip(sides, taken, strict=True):
            values.append(side())
    return taken


def table(results: Iterable[Result], console: Console) -> None:
    """All comparisons, for people."""
    shown = Table(title="minimum / median / 99th percentile, and the ratio of medians", title_justify="left")
    for heading, justify in (("", "left"), ("us", "right"), ("", "left"), ("peer", "right"), ("", "left")):
        shown.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for heading in ("ratio", "target", ""):
        shown.add_column(heading, justify="right")
    for result in results:
        verdict = {True: "[green]met[/]", False: "[bold red]missed[/]", None: ""}[result.met]
        shown.add_row(
            result.name,
            result.ours.shown(result.unit),
            result.unit,
            result.peer.shown(result.unit),
            result.peer_name,
            f"{result.ratio:.3f}",
            result.target,
            verdict,
        )
    console.print(shown)
