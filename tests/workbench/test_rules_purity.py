"""Purity: a plain step that uses the clock, chance, the network, files, kept state or a photo's bytes is refused.

Each snippet is cell 6 of the sound notebook, exported; its `crowded` takes the place of the notebook's.
"""

from __future__ import annotations

from typing import Any

import pytest

KINDS = {"clock", "randomness", "network", "files", "global-state", "photo-bytes", "set-order"}
STEP = "\n\n\ndef crowded(faces: list[Face]) -> bool:\n    return {}\n"

# name -> (code; RUN(x) makes it a step that evaluates x, rule, line)
IMPURE: dict[str, tuple[str, str, int]] = {
    "a module's function": ("import time" + STEP.format("time.time() > 1"), "clock", 5),
    "an alias of a module": ("import datetime as dt" + STEP.format("dt.datetime.now().hour > 1"), "clock", 5),
    "an alias of a class": ("from datetime import datetime as D" + STEP.format("D.utcnow().hour > 1"), "clock", 5),
    "an alias of a function": ("from time import time as seconds" + STEP.format("seconds() > 1"), "clock", 5),
    "today": ("from datetime import date" + STEP.format("date.today().year > 1"), "clock", 5),
    "gmtime of now": ("import time" + STEP.format("time.gmtime().tm_hour > 1"), "clock", 5),
    "a name for a function": ("import time\n\ntick = time.perf_counter" + STEP.format("tick() > 1"), "clock", 3),
    "a name for a module": ("import time\n\nclockwork = time" + STEP.format("clockwork.time() > 1"), "clock", 7),
    "an import in the function": (
        "def crowded(faces: list[Face]) -> bool:\n    import time\n\n    return time.time() > 1",
        "clock",
        4,
    ),
    "an import in a try": (
        "try:\n    import time\nexcept ImportError:\n    time = None" + STEP.format("time.time() > 1"),
        "clock",
        8,
    ),
    "a helper": ("import time\n\n\ndef late():\n    return time.time()" + STEP.format("late() > 1"), "clock", 5),
    "a helper passed by name": (
        "import time\n\n\ndef late(face):\n    return time.time()" + STEP.format("any(map(late, faces))"),
        "clock",
        5,
    ),
    "a function passed by name": (
        "import time" + STEP.format("any(map(time.time, []))"),
        "clock",
        5,
    ),
    "a lambda": ("import time" + STEP.format("(lambda: time.time())() > 1"), "clock", 5),
    "a lambda of the module": ("import time\n\nlate = lambda: time.time()" + STEP.format("late() > 1"), "clock", 3),
    "a nested function": (
        "import time\n\n\ndef crowded(faces):\n    def late():\n        return time.time()\n\n    return late() > 1",
        "clock",
        6,
    ),
    "a comprehension": ("import time" + STEP.format("any(time.time() > 1 for face in faces)"), "clock", 5),
    "a method": (
        "import time\n\n\nclass Watch:\n    def read(self):\n        return time.time()"
        + STEP.format("Watch().read() > 1"),
        "clock",
        6,
    ),
    "a method of what an argument is": (
        "import time\n\n\nclass Watch(BaseModel):\n    def late(self):\n        return time.time()\n\n\n"
        "def watch(user_id) -> Watch:\n    return None\n\n\n"
        "def crowded(watch) -> bool:\n    return watch.late() > 1",
        "clock",
        6,
    ),
    "a model's default": (
        "from datetime import datetime\n\nfrom pydantic import Field\n\n\nclass Note(BaseModel):\n"
        "    at: datetime = Field(default_factory=datetime.now)" + STEP.format("Note().at.hour > 1"),
        "clock",
        7,
    ),
    "a helper's default": (
        "import time\n\n\ndef late(at=time.time()):\n    return at" + STEP.format("late() > 1"),
        "clock",
        4,
    ),
    "a value of the module": (
        "from datetime import datetime\n\nNOW = datetime.now()" + STEP.format("NOW.hour > 1"),
        "clock",
        3,
    ),
    "a decorator": (
        "import time\n\n\ndef timed(function):\n    time.time()\n    return function\n\n\n"
        "@timed\n"
        "def crowded(faces: list[Face]) -> bool:\n    return True",
        "clock",
        5,
    ),
    "a decorator with an argument": (
        "import time\nfrom functools import wraps\n\n\n@wraps(time.time)\n"
        "def crowded(faces: list[Face]) -> bool:\n    return True",
        "clock",
        5,
    ),
    "decide itself": (
        "import time\n\n\ndef decide(crowded) -> Decision:\n    time.time()\n    return Decision(outcome='review')",
        "clock",
        5,
    ),
    "a step that a task asks for": (
        "import time\n\n\ndef late(user_id) -> float:\n    return time.time()\n\n\n"
        "@task(timeout=5)\ndef odd(late) -> bool:\n    return late > 1\n\n\n"
        "def decide(odd) -> Decision:\n    return Decision(outcome='review')",
        "clock",
        5,
    ),
    "random": ("import random" + STEP.format("random.random() > 1"), "randomness", 5),
    "choice": ("from random import choice" + STEP.format("choice([True])"), "randomness", 5),
    "shuffle passed on": ("import random" + STEP.format("faces.sort(key=random.gauss)"), "randomness", 5),
    "a generator without a seed": ("import random" + STEP.format("random.Random().random() > 1"), "randomness", 5),
    "a generator with None": ("import random" + STEP.format("random.Random(None).random() > 1"), "randomness", 5),
    "secrets": ("import secrets" + STEP.format("secrets.token_hex()"), "randomness", 5),
    "uuid4": ("import uuid" + STEP.format("uuid.uuid4().int > 1"), "randomness", 5),
    "uuid1": ("from uuid import uuid1" + STEP.format("uuid1().int > 1"), "randomness", 5),
    "urandom": ("import os" + STEP.format("os.urandom(1) > b'a'"), "randomness", 5),
    "hash of a text": ("def crowded(user_id: str) -> bool:\n    return hash(user_id) % 2 == 0", "randomness", 2),
    "id": ("def crowded(faces: list[Face]) -> bool:\n    return id(faces) % 2 == 0", "randomness", 2),
    "open": ("def crowded(faces):\n    with open('x') as file:\n        return bool(file.read())", "files", 2),
    "input": ("def crowded(faces):\n    return input() == 'x'", "files", 2),
    "environ": ("import os" + STEP.format("os.environ['X'] == 'y'"), "files", 5),
    "environ by name": ("from os import environ" + STEP.format("'X' in environ"), "files", 5),
    "getenv": ("from os import getenv" + STEP.format("getenv('X') == 'y'"), "files", 5),
    "listdir": ("import os" + STEP.format("os.listdir('.') == []"), "files", 5),
    "exists": ("import os.path" + STEP.format("os.path.exists('x')"), "files", 5),
    "a path": ("from pathlib import Path" + STEP.format("Path('x').exists()"), "files", 5),
    "a path of paths": ("import pathlib" + STEP.format("(pathlib.Path('x') / 'y').read_text() == ''"), "files", 5),
    "a path in a variable": ("from pathlib import Path\n\nHERE = Path('x')" + STEP.format("HERE.is_dir()"), "files", 7),
    "a path as an argument": (
        "from pathlib import Path\n\n\ndef there(path: Path):\n    return path.parent.exists()"
        + STEP.format("there('x')"),
        "files",
        5,
    ),
    "subprocess": ("import subprocess" + STEP.format("subprocess.run(['x']).returncode"), "files", 5),
    "shutil": ("import shutil" + STEP.format("shutil.which('x')"), "files", 5),
    "sqlite": ("import sqlite3" + STEP.format("sqlite3.connect('x')"), "files", 5),
    "glob": ("from glob import glob" + STEP.format("glob('*')"), "files", 5),
    "a sample": ("def crowded(faces):\n    return Photo.sample('x').width", "files", 2),
    "urlopen": ("import urllib.request" + STEP.format("urllib.request.urlopen('http://x')"), "network", 5),
    "urlopen by name": ("from urllib.request import urlopen as get" + STEP.format("get('http://x')"), "network", 5),
    "socket": ("import socket" + STEP.format("socket.create_connection(('x', 1))"), "network", 5),
    "http.client": ("from http import client" + STEP.format("client.HTTPConnection('x')"), "network", 5),
    "smtplib": ("import smtplib" + STEP.format("smtplib.SMTP('x')"), "network", 5),
    "a global": (
        "COUNT = 0\n\n\ndef crowded(faces):\n    global COUNT\n    COUNT += 1\n    return COUNT > 3",
        "global-state",
        5,
    ),
    "an item of a dict": (
        "CACHE = {}\n\n\ndef crowded(faces):\n    CACHE['x'] = faces\n    return True",
        "global-state",
        5,
    ),
    "an item deleted": (
        "CACHE = {'x': 1}\n\n\ndef crowded(faces):\n    del CACHE['x']\n    return True",
        "global-state",
        5,
    ),
    "an item counted up": (
        "from collections import Counter\n\nCOUNT = Counter()\n\n\n"
        "def crowded(faces):\n    COUNT['x'] += 1\n    return True",
        "global-state",
        7,
    ),
    "append": (
        "SEEN = []\n\n\ndef note(face):\n    SEEN.append(face)" + STEP.format("any(map(note, faces))"),
        "global-state",
        5,
    ),
    "deep inside": (
        "SEEN = {'a': []}\n\n\ndef crowded(faces):\n    SEEN['a'].append(1)\n    return True",
        "global-state",
        5,
    ),
    "an attribute of a class": (
        "class Count:\n    seen = 0\n\n\ndef crowded(faces):\n    Count.seen += 1\n    return True",
        "global-state",
        6,
    ),
    "a default that grows": (
        "def note(face, seen=[]):\n    seen.append(face)\n    return len(seen)" + STEP.format("note(1) > 3"),
        "global-state",
        2,
    ),
    "a counter": ("from itertools import count\n\nIDS = count()" + STEP.format("next(IDS) > 3"), "global-state", 7),
    "a photo read": ("def crowded(photo: Photo) -> bool:\n    return bool(photo.read())", "photo-bytes", 2),
    "a photo without annotation": ("def crowded(photo) -> bool:\n    return photo.image().width > 1", "photo-bytes", 2),
    "a photo of the request": (
        "def crowded(request: Request) -> bool:\n    return request.photo.image().width > 1",
        "photo-bytes",
        2,
    ),
    "a photo under another name": (
        "def crowded(photo: 'Photo | None') -> bool:\n    picture = photo\n    return picture.image().width > 1",
        "photo-bytes",
        3,
    ),
    "a photo in a helper": (
        "def bright(picture: Photo):\n    return picture.image().width\n\n\n"
        "def crowded(photo) -> bool:\n    return bright(photo) > 1",
        "photo-bytes",
        2,
    ),
}

INNOCENT = {
    "the decision's time": "from datetime import datetime\n\n\n"
    "def crowded(now: datetime) -> bool:\n    return now.hour > 3",
    "a date made of numbers": "from datetime import date, datetime, timedelta\n\nSTART = datetime(2026, 1, 1)"
    + STEP.format("datetime.fromisoformat('2026-01-01') > START + timedelta(days=1) or date(2026, 1, 1).year"),
    "a time made of text": "import time" + STEP.format("time.strptime('2026', '%Y').tm_year > time.gmtime(0).tm_year"),
    "a generator with a seed": "import random" + STEP.format("random.Random(7).random() > 0.5"),
    "a generator as an annotation": "import random\n\n\n"
    "def drawn(source: random.Random) -> float:\n    return source.random()"
    + STEP.format("drawn(random.Random(7)) > 0.5"),
    "uuid5": "import uuid" + STEP.format("uuid.uuid5(uuid.NAMESPACE_DNS, 'x').int > 1"),
    "hash of a number": "def crowded(faces: list[Face]) -> bool:\n    return hash(3) == 3",
    "hash in __hash__": "class Key:\n    def __hash__(self):\n        return hash('x')"
    + STEP.format("Key() in {Key()}"),
    "hashlib": "import hashlib" + STEP.format("hashlib.sha256(b'x').digest()[0] > 3"),
    "a pure path": "from pathlib import PurePath" + STEP.format("PurePath('x/y').name == 'y'"),
    "a path only taken apart": "from pathlib import Path" + STEP.format("Path('x/y').suffix == ''"),
    "os.path of texts": "import os" + STEP.format("os.path.join('a', 'b') == os.path.basename('c')"),
    "urllib.parse": "from urllib.parse import urlsplit" + STEP.format("urlsplit('http://x').hostname == 'x'"),
    "an error that is named": "import urllib.error\n\n\ndef crowded(faces):\n    try:\n        return True\n"
    "    except urllib.error.HTTPError:\n        return False",
    "a class that is named": "import socket" + STEP.format("isinstance(faces, socket.SocketType)"),
    "HTTPStatus": "from http import HTTPStatus" + STEP.format("HTTPStatus.OK == 200"),
    "a local name": "def crowded(faces: list[Face]) -> bool:\n    time = 3\n    hash = faces\n"
    "    return time > len(hash)",
    "an argument's name": "def late(time, open, random):\n    return time.time() + open() + random.random()"
    + STEP.format("bool(late)"),
    "an own function of the name": "def open(face):\n    return True" + STEP.format("all(map(open, faces))"),
    "a field of the name": "class Note(BaseModel):\n    id: int = 1\n    hash: str = ''" + STEP.format("Note().id > 1"),
    "a task": "import random\nimport time\n\n\n@task(timeout=5)\ndef lucky(user_id: str) -> bool:\n"
    "    time.sleep(0)\n    return random.random() > time.time() and bool(open('x'))\n\n\n"
    "def crowded(lucky: bool) -> bool:\n    return lucky",
    "a helper of tasks": "import time\n\n\ndef late() -> float:\n    return time.time()\n\n\n"
    "@task(timeout=5)\ndef lucky(user_id: str) -> bool:\n    return late() > 1\n\n\n"
    "def crowded(lucky: bool) -> bool:\n    return lucky",
    "a photo in a task": "@task(timeout=5)\ndef bright(photo: Photo) -> int:\n    return photo.image().width\n\n\n"
    "def crowded(bright) -> bool:\n    return bright > 1",
    "a read of something else": "import io" + STEP.format("io.StringIO('x').read() == 'x'"),
    "what nobody reaches": "import time\n\n\ndef late() -> float:\n    return time.time()",
    "a dict that is read": "LIMITS = {'a': 1}\nLIMITS['b'] = 2" + STEP.format("LIMITS['a'] > LIMITS.get('b', 0)"),
    "a dict of its own": "def crowded(faces: list[Face]) -> bool:\n    seen = {}\n    seen['x'] = 1\n"
    "    seen.update(y=2)\n"
    "    return len(seen) > 1",
    "a copy of a default": "def note(face, seen=()):\n    seen = list(seen)\n    seen.append(face)\n    return seen"
    + STEP.format("bool(note(1))"),
    "an argument that is changed": "def note(seen: list[int]) -> list[int]:\n    seen.append(1)\n    return seen"
    + STEP.format("bool(note([]))"),
    "an own attribute": "class Sum:\n    def __init__(self):\n        self.total = 0\n\n    def add(self, value):\n"
    "        self.total += value\n        return self" + STEP.format("Sum().add(3).total > 1"),
    "a cache": "from functools import cache, lru_cache\n\n\n@cache\ndef twice(value):\n    return value * 2\n\n\n"
    "@lru_cache(maxsize=9)\ndef thrice(value):\n    return value * 3" + STEP.format("twice(1) > thrice(2)"),
    "an update that is no dict's": "import hashlib\n\n\ndef digest(value):\n    state = hashlib.sha256()\n"
    "    state.update(value)\n    return state.digest()" + STEP.format("digest(b'x') > b'y'"),
}


def found(cells: Any, project: Any) -> list[tuple[str, int, int]]:
    """(rule, cell, line) of each problem of purity."""
    problems = project.problems(cells)
    assert not [problem for problem in problems if problem.rule in ("syntax", "import")]
    return [(problem.rule, problem.cell, problem.line) for problem in problems if problem.rule in KINDS]


@pytest.mark.parametrize("name", IMPURE)
def test_what_is_impure_in_logic_is_reported_at_its_place(name: str, project: Any, sound: Any) -> None:
    source, rule, line = IMPURE[name]
    assert (rule, 6, line) in found(sound.exporting(source), project)
    assert {kind for kind, _, _ in found(sound.exporting(source), project)} == {rule}


@pytest.mark.parametrize("name", INNOCENT)
def test_what_is_pure_is_not_reported(name: str, project: Any, sound: Any) -> None:
    assert found(sound.exporting(INNOCENT[name]), project) == []


def test_the_message_names_the_step_and_the_way(project: Any, sound: Any) -> None:
    source = (
        "from datetime import date\n\n\ndef today():\n    return date.today()\n\n\n"
        "def age_of(year):\n    return today().year - year\n\n\n"
        "def crowded(faces: list[Face]) -> bool:\n    return age_of(2000) > 18"
    )
    (problem,) = project.problems(sound.exporting(source))
    assert problem.message == "'crowded' uses the clock through 'age_of' -> 'today': date.today()"
    assert "`now`" in problem.hint and (problem.severity, problem.column) == ("error", 12)


def test_two_steps_that_reach_one_place_are_one_problem(project: Any, sound: Any) -> None:
    source = (
        "import time\n\n\ndef late():\n    return time.time()\n\n\n"
        "def crowded(faces: list[Face]) -> bool:\n    return late() > 1\n\n\n"
        "def decide(crowded) -> Decision:\n    return Decision(outcome='review' if late() else 'approve')"
    )
    assert found(sound.exporting(source), project) == [("clock", 6, 5)]


def test_a_line_may_opt_out(project: Any, sound: Any) -> None:
    source = "import time" + STEP.format("time.time() > 1  # artemis: ignore[clock]")
    assert [problem for problem in project.problems(sound.exporting(source)) if problem.severity != "info"] == []
