"""Queries answered by DuckDB over data files: BigQuery's SQL and values, nothing but tables, and clear refusals."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from chalicelib.asking import Asking
from chalicelib.errors import ProviderError
from chalicelib.providers.local import Local

MEMBERS = [
    {"id": "m-1", "age": 31, "tags": ["등산", "영화"], "at": "2026-11-25T10:00:00Z", "day": "2026-10-01", "x": 1.5},
    {"id": "m-2", "age": 20, "tags": [], "at": "2026-11-25T10:00:00.5Z", "day": "2026-10-02", "x": None, "ok": True},
]


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Local:
    folder = tmp_path / "usecases" / "data" / "dating"
    folder.mkdir(parents=True)
    lines = [json.dumps(member, ensure_ascii=False) for member in MEMBERS]
    (folder / "members.jsonl").write_text("\n".join(lines), "utf-8")
    (folder / "prices.csv").write_text("item,price\n커피,4500\n차,3000.5\n", "utf-8")
    (folder / "README.md").write_text("no table")
    monkeypatch.chdir(tmp_path)
    return Local()


def rows(local: Local, sql: str, **parameters: Any) -> Any:
    return local.query(sql, parameters).result


def test_values_are_those_that_bigquerys_provider_gives(local: Local) -> None:
    found = rows(local, "SELECT * FROM dating.members ORDER BY id")
    assert found[0] == MEMBERS[0] | {"at": "2026-11-25T10:00:00.000000+00:00", "ok": None}
    assert found[1] == MEMBERS[1] | {"at": "2026-11-25T10:00:00.500000+00:00"}
    assert rows(local, "SELECT item, price FROM dating.prices ORDER BY price") == [
        {"item": "차", "price": 3000.5},
        {"item": "커피", "price": 4500.0},
    ]


def test_bigquerys_words_and_named_parameters(local: Local) -> None:
    sql = """
        SELECT id, ARRAY_LENGTH(tags) AS tags, DATE_DIFF(DATE '2026-11-01', day, DAY) AS days,
               SAFE_DIVIDE(x, 0) AS nothing
        FROM `any-project.dating.members` WHERE age >= @age AND id IN UNNEST(@ids) AND @tag IN UNNEST(tags)
    """
    asked = {"age": 30, "ids": ["m-1", "m-2"], "tag": "등산", "unused": 1}
    assert rows(local, sql, **asked) == [{"id": "m-1", "tags": 2, "days": 31, "nothing": None}]
    assert rows(local, "SELECT COUNT(*) AS n FROM dating.members WHERE id = @id", id="' OR ''='") == [{"n": 0}]
    assert rows(local, "WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2") == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM members", "write dataset.members"),
        ("DELETE FROM dating.members", "begins with SELECT or WITH"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELEC 1 FROM", "cannot be read"),
        ("SELECT * FROM dating.member", "member"),
        ("SELECT nope FROM dating.members", "nope"),
        ("SELECT * FROM other.members", "there are: dating"),
        ("SELECT * FROM read_csv('/etc/hosts')", "no table functions"),
        ("SELECT * FROM `../dating`.`members`", "query: "),
        ("SELECT @age", "@age, which is not given"),
        ("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 20000)) AS x", "add a LIMIT"),
    ],
    ids=["bare", "delete", "two", "syntax", "table", "column", "dataset", "function", "path", "parameter", "many"],
)
def test_what_cannot_be_answered_is_refused_with_why(local: Local, sql: str, said: str) -> None:
    with pytest.raises(ProviderError) as refused:
        rows(local, sql)
    assert refused.value.code == "refused" and said in str(refused.value)


def test_no_file_can_be_reached_by_sql(local: Local, tmp_path: Path) -> None:
    rows(local, "SELECT 1 FROM dating.members")
    (loaded,) = local._tables._loaded.values()
    for statement in (f"COPY dating.members TO '{tmp_path}/out.csv'", "SET enable_external_access = true"):
        with pytest.raises(Exception, match=r"disabled|locked"):
            loaded.connection.execute(statement)


def test_changed_files_are_read_again_and_are_another_version(local: Local, tmp_path: Path) -> None:
    before = local.query("SELECT COUNT(*) AS n FROM dating.members", {})
    with (tmp_path / "usecases/data/dating/members.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"id": "m-3", "age": 44}')
    after = local.query("SELECT COUNT(*) AS n FROM dating.members", {})
    assert (before.result, after.result) == ([{"n": 2}], [{"n": 3}])
    assert before.version != after.version and before.version.partition("+")[0] == after.version.partition("+")[0]


def test_a_file_that_is_no_table_is_named(local: Local, tmp_path: Path) -> None:
    (tmp_path / "usecases/data/dating/broken.jsonl").write_text('{"id": ')
    with pytest.raises(ProviderError, match=r"broken\.jsonl is no table") as refused:
        rows(local, "SELECT 1 FROM dating.members")
    assert refused.value.code == "not-configured" and str(tmp_path) not in str(refused.value)


def test_a_long_query_is_given_up(local: Local) -> None:
    sql = """SELECT SUM(a * b * c) AS s FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS a, UNNEST(GENERATE_ARRAY(1, 3000)) AS b,
        UNNEST(GENERATE_ARRAY(1, 3000)) AS c"""
    with pytest.raises(ProviderError) as late:
        local.query(sql, {}, Asking(until=perf_counter() + 0.2))
    assert late.value.code == "timeout"


def test_many_threads_may_ask_at_once(local: Local) -> None:
    found: list[Any] = []

    def ask(age: int) -> None:
        found.append((age, rows(local, "SELECT COUNT(*) AS n FROM dating.members WHERE age > @age", age=age)[0]["n"]))

    threads = [threading.Thread(target=ask, args=(age,)) for age in (10, 25, 40) * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(found)) == [(10, 2), (25, 1), (40, 0)] and len(found) == 24
