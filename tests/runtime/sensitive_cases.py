"""Use cases with sensitive fields, what they decide and store; and how to look for what should not be there."""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from sqlalchemy import Text, cast, select
from uuid6 import uuid7

from chalicelib import intake
from chalicelib.engine import Engine
from chalicelib.photo import PhotoPolicy
from chalicelib.rows import Record, Taken, answer_rows, decision_row, result_rows
from chalicelib.run import Intake, Run
from chalicelib.sealing import hide, sealed_record
from chalicelib.store import Store
from chalicelib.store.tables import metadata
from chalicelib.usecase import Source, UseCase, from_namespace
from chalicelib.vault import Vault

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
HEAD = """\
import enum
from datetime import date, datetime
from typing import Annotated, Any, Literal
from pydantic import BaseModel, ConfigDict, Field, RootModel
from chalicelib.usecase import Photo, Sensitive, Subject, task

class Color(enum.Enum):
    RED = "빨강"
    BLUE = "파랑"

class Person(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: Sensitive[str] = Field(alias="theName")
    visits: int = 0
    friends: "list[Person]" = []
"""
_modules = itertools.count()


def executed(code: str, tasks: tuple[str, ...] = ()) -> UseCase:
    """A use case from code under the usual imports; ``tasks`` are those that get fact keys."""
    module = ModuleType(f"sensitive_case_{next(_modules)}")
    sys.modules[module.__name__] = module
    exec(HEAD + code, vars(module))
    source = Source("usecases/case.ipynb", tasks={name: {"source": name, "parameters": []} for name in tasks})
    return from_namespace("case", vars(module), source)


def decided(usecase: UseCase, body: str, engine: Engine, vault: Vault) -> tuple[Intake, Run, Record]:
    """One decision as the service makes it, and what it stores of it."""
    request = intake.read(usecase.request_model, body, PhotoPolicy())
    request = Intake(request.live, request.sealed, request.record, vault.new_salt())
    taken = Taken(str(uuid7()), NOW, "앱", "local")
    run = engine.run(usecase, request, NOW, 10, taken.id)
    hide(usecase, request, run)
    row = decision_row(taken, usecase, request, run, 1.0)
    record = Record(row, result_rows(taken.id, run), answer_rows(taken, run))
    return request, run, sealed_record(record, usecase, request, vault)


def dump(store: Store) -> bytes:
    """All that the database holds as text; for SQLite every byte of its files, too."""
    with store.database.read() as connection:
        rows = [
            row
            for table in metadata.sorted_tables
            for row in connection.execute(select(*(cast(column, Text) for column in table.columns)))
        ]
    texts = "\n".join(str(value) for row in rows for value in row).encode()
    name = store.database.engine.url.database
    files = Path(name).parent.glob(f"{Path(name).name}*") if store.database.dialect.name == "sqlite" and name else []
    return texts + b"".join(file.read_bytes() for file in files)


def traces_of(text: str) -> Iterator[bytes]:
    """How a text might stand somewhere: plainly, as JSON, or as a digest of either."""
    for form in {text, json.dumps(text), json.dumps(text, ensure_ascii=False)}:
        digest = hashlib.sha256(form.encode("utf-8", "surrogatepass"))
        yield from (form.encode("utf-8", "surrogatepass"), digest.hexdigest().encode(), digest.digest())
