"""A store loads what its own database needs, and nothing of another's: a cold start pays for every import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNUSED = (
    "sqlalchemy.dialects.postgresql",
    "psycopg",
    "alembic",
    "cryptography",
    "pyarrow",
    "sqlalchemy.orm",
    "workbench",
)
ASK = """
import sys
from chalicelib.store import Store
store = Store(f"sqlite:///{sys.argv[1]}/decisions.db")
assert store.get("none") is None
with store.database.batch():
    pass
print(*sys.modules)
"""


def test_sqlite_loads_nothing_of_postgresql(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ASK, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if name.startswith(UNUSED)] == []
