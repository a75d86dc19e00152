"""Bad input to the commands on the store: exit code 2, or 1 where that is documented, and one clear message."""

from __future__ import annotations

import shlex
import sqlite3
import sys
from pathlib import Path

import pytest
import store_project
from click.testing import CliRunner, Result

from chalicelib.store import Store
from workbench.cli import main

PASSWORD = "planted-password-7f3a"  # to be found nowhere
DATABASES = {
    "no URL": "nonsense",
    "another kind": f"mysql://u:{PASSWORD}@h/db",
    "no such file": "sqlite:///none.db",
    "a folder": "sqlite:///folder",
    "a text": "sqlite:///text.db",
    "somebody else's": "sqlite:///other.db",
    "in memory": "sqlite://",
    "nobody listens": f"postgresql://u:{PASSWORD}@127.0.0.1:1/db",
    "no such host": f"postgresql://u:{PASSWORD}@no.such.host.invalid/db",
    "no port": f"postgresql://u:{PASSWORD}@127.0.0.1:here/db",
    "half a host": f"postgresql://u:{PASSWORD}@[::1/db",
}
ON_A_DATABASE = (
    "db check",
    "db upgrade",
    "labels import labels.csv",
    "labels sample paid_twice",
    "purge --older-than 30d --yes",
    "forget u-1 --yes",
    "export paid_twice",
    "costs",
)
MISTAKES = [  # what is typed, what is said
    ("db nonsense", "No such command"),
    ("db check extra", "unexpected extra argument"),
    ("labels import none.csv", "none.csv: it cannot be read: No such file"),
    ("labels import folder", "folder: it cannot be read: Is a directory"),
    ("labels import bytes.csv", "not UTF-8"),
    ("labels import columns.csv", "the header lacks decision_id"),
    ("labels import empty.csv", "it is empty"),
    ("labels import long.csv", "it is no CSV"),
    ("labels import --client '' labels.csv", "--client"),
    ("labels sample nonsense", "no use case 'nonsense'"),
    ("labels sample ''", "no use case ''"),
    ("labels sample paid_twice --size 0", "--size"),
    ("labels sample paid_twice --size=-1", "--size"),
    ("labels sample paid_twice --since=-5d", "--since"),
    ("labels sample paid_twice --since 99999999999d", "--since"),
    ("labels sample paid_twice --stage nowhere", "nowhere"),
    ("labels sample paid_twice --output folder", "folder is there already"),
    ("purge", "--older-than"),
    ("purge --older-than=-5d --yes", "--older-than"),
    ("purge --older-than 0d --yes", "less than 1d"),
    ("purge --older-than 99999999999999d --yes", "--older-than"),
    ("purge --older-than '' --yes", "--older-than"),
    ("purge --older-than 30d", "say --yes"),
    ("forget", "SUBJECT"),
    ("forget '' --yes", "it is empty"),
    ("forget - --yes", "it is empty"),
    ("forget u-1 u-2 --yes", "unexpected extra argument"),
    ("forget u-1 --stage nowhere --yes", "no stage 'nowhere'"),
    ("forget u-1 --mentions all --yes", "--mentions"),
    ("export nonsense", "no use case 'nonsense'"),
    ("export paid_twice --since=-5d", "--since"),
    ("export paid_twice --since 2026-02-30", "no day"),
    ("export paid_twice --since 1d --until 5d", "not before --until"),
    ("export paid_twice --stage nowhere", "no stage 'nowhere'"),
    ("export paid_twice --format xml", "--format"),
    ("export paid_twice --format parquet", "--output"),
    ("export paid_twice --output folder", "folder is a folder"),
    ("export paid_twice --output none/x.jsonl", "there is no folder none"),
    ("export paid_twice --output labels.csv", "labels.csv is there already"),
    ("costs --since=-5d", "--since"),
    ("keys client ''", "NAME"),
    (f"keys client {'x' * 101}", "no name of 1 to 100 characters"),
    ("keys client x --use-case ''", "--use-case"),
    ("keys encryption extra", "unexpected extra argument"),
]
FOUND = [  # exit code 1: found something, or nothing
    ("db check --database sqlite:///bare.db", "no schema of Artemis"),
    ("labels import nul.csv", "nul.csv:2: there is no decision"),
    ("forget u-9 --yes", "there is no decision of this subject"),
    ("export paid_twice --outcome ''", "nothing was written"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a database, and beside it what is none."""
    root = tmp_path_factory.mktemp("commands")
    store_project.built(root)
    store = Store(f"sqlite:///{root}/good.db")
    store.ping()
    store.close()
    (root / "folder").mkdir()
    (root / "text.db").write_text("this is the shopping list, not a database\n" * 100)
    (root / "bare.db").touch()
    with sqlite3.connect(root / "other.db") as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
    other.close()
    header = "decision_id,outcome,who,reason\n"
    texts = {"labels": header, "nul": f"{header}\0,\0,\0,\0\n", "long": f"{header}{'x' * 200_000},pay,김,\n"}
    for name, text in {**texts, "columns": "a,b\n1,2\n", "empty": ""}.items():
        (root / f"{name}.csv").write_text(text, "utf-8")
    (root / "bytes.csv").write_bytes(b"\xff\xfe\0\0")
    return root


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # which the command line replaces
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", f"sqlite:///{folder}/good.db")


def typed(line: str, *more: str) -> Result:
    return CliRunner().invoke(main, [*shlex.split(line), *more], prog_name="artemis")


def check(done: Result, code: int, said: str = "") -> None:
    """It ended as it should, and said one thing: at most a usage, or a count of what was done, comes beside it."""
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code == code, done.output
    assert said in done.output, done.output
    assert not [bad for bad in ("Traceback", PASSWORD, "sqlalche.me", "TypeError", "ValueError") if bad in done.output]
    assert 1 <= len(done.output.strip().splitlines()) <= 5, done.output


@pytest.mark.parametrize("url", DATABASES.values(), ids=DATABASES.keys())
def test_a_database_that_cannot_be_used(folder: Path, url: str) -> None:
    before = contents(folder)
    for line in ON_A_DATABASE:
        if line == "db upgrade" and url.endswith("none.db"):
            continue  # a file that is not there is made
        check(typed(line, "--database", url), 1 if line == "db check" and url.endswith("other.db") else 2)
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, object]:
    """Name -> when it was changed; of somebody else's database, which may be put into WAL mode, its tables."""
    with sqlite3.connect(folder / "other.db") as other:
        tables = other.execute("SELECT sql FROM sqlite_master").fetchall()
    other.close()
    rest = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if not path.name.startswith("other.db")}
    return {**rest, "other.db": tables}


@pytest.mark.parametrize(("line", "said"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake(line: str, said: str) -> None:
    check(typed(line), 2, said)


@pytest.mark.parametrize(("line", "said"), FOUND, ids=[line for line, _ in FOUND])
def test_what_is_found(line: str, said: str) -> None:
    check(typed(line), 1, said)
