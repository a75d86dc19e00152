"""People to forget, and an object store that deletes their photos."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from erasing_rows import NOW, challenge, claim, label, save
from sqlalchemy import text

from chalicelib.objects import ObjectError, S3Object
from chalicelib.store import Store
from chalicelib.store.database import Database
from workbench.retention.photos import Photos

WHO, OTHER = "회원-4711", "회원-47110"
BUCKET = "member-photos"


class Deleting:
    """An object store that deletes, or says why not. What tells of S3 itself is in tests/runtime."""

    def __init__(self) -> None:
        self.deleted: list[S3Object] = []
        self.failing: str | None = None

    def delete(self, found: S3Object, until: float) -> bool:
        if self.failing:
            raise ObjectError(self.failing)
        self.deleted.append(found)
        return True


def photos(objects: Any = None, **more: Any) -> Photos:
    return Photos(objects or Deleting(), {BUCKET}, "local", **more)


def about(subject: str, **more: Any) -> dict[str, Any]:
    """A decision's columns that tell of the subject."""
    request = json.dumps({"user_id": subject, "name": "김민수", **more}, ensure_ascii=False)
    said = {"outcome": "reject", "to": subject}
    return {"subject": subject, "request": request, "decision": json.dumps(said, ensure_ascii=False)}


def photo(name: str, **state: str) -> dict[str, Any]:
    place = {"uri": f"s3://{BUCKET}/{name}", **(state or {"version": "v1"})}
    return {"digest": "sha256:" + "0" * 64, "format": "jpeg", "size": 9, "width": 3, "height": 3, "s3": place}


def whole(store: Store, subject: str, at: datetime = NOW, **more: Any) -> str:
    """A decision about the subject with something in each table."""
    decision_id = save(store, at, **{**about(subject), **more})
    label(store, decision_id, f"{subject}가 아님")
    challenge(store, decision_id, f'{{"첫째":"{subject}"}}')
    claim(store, decision_id, NOW + timedelta(days=1))
    return decision_id


def stored(database: Database) -> str:
    """All texts of all tables, as a database's own tools show them."""
    with database.read() as connection:
        if connection.dialect.name == "postgresql":
            names = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            tables = list(connection.scalars(text(names)))
            found = [connection.scalars(text(f"SELECT t::text FROM {name} t")).all() for name in tables]
        else:
            tables = list(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
            found = [connection.execute(text(f"SELECT * FROM {name}")).all() for name in tables]
    return str(found)
