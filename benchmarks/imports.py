"""What the store costs to import on the way to a first stored decision, by Python's own ``-X importtime``."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator

from benchmarks.measure import Result, Series, alternate
from benchmarks.projects import NotMeasured, Side

ROUNDS = 7
LINE = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")
STORES = ("sqlalchemy", "chalicelib.store", "psycopg", "psycopg_binary", "sqlite3")
UNWANTED = ("alembic", "mako", "cryptography", "pyarrow", "boto3", "workbench")  # on nobody's way to a decision


def measured(where: str, ours: Side, peer: Side) -> Iterator[Result]:
    """The store's imports of both sides, and our driver's alone. The schema has to be there."""
    taken = alternate(ROUNDS, lambda: _imports(ours), lambda: _imports(peer))
    us, them = (_sums(runs, STORES) for runs in taken)
    unwanted = [name for name in UNWANTED if any(_of(run, (name,)) for run in taken[0])]
    told = f" with {', '.join(unwanted)}" if unwanted else ""
    yield Result(f"{where}, imports of the store{told}", us, "the ORM", them, "ms", sound=not unwanted)
    driver = STORES[2:]
    yield Result(f"{where}, of these the driver", _sums(taken[0], driver), "the ORM", _sums(taken[1], driver), "ms")


def _imports(side: Side) -> Counter[str]:
    """Module -> µs of its own, of a process that answers one event."""
    python, *rest = side.command("cold")
    command = [python, "-X", "importtime", *rest]
    done = subprocess.run(command, cwd=side.project, env=side.environment(), capture_output=True, text=True)
    if done.returncode:
        raise NotMeasured(done.stderr[-2000:])
    return Counter({found[2]: int(found[1]) for found in LINE.finditer(done.stderr)})


def _sums(runs: list[Counter[str]], packages: tuple[str, ...]) -> Series:
    return Series(tuple(_of(run, packages) / 1e6 for run in runs))


def _of(run: Counter[str], packages: tuple[str, ...]) -> int:
    """µs of all modules of these packages."""
    return sum(time for name, time in run.items() if any(name == one or name.startswith(f"{one}.") for one in packages))
