"""The provider `http`: what is asked and answered in its protocols, over a real socket; and its settings."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from http_asking import LINEAR, failure, of_kserve, provider, small_photo
from pydantic import ValidationError

from chalicelib.models import Label, TextLine
from chalicelib.photo import Photo
from chalicelib.providers import http
from chalicelib.providers.http import Http
from tests.emulators.kserve import KServe
from tests.emulators.server import closed_port

TOKEN = "a-secret-token"


@pytest.fixture
def kserve() -> Iterator[KServe]:
    with KServe() as running:
        yield running


@pytest.fixture
def photo() -> Photo:
    return small_photo()


def test_photos_are_judged_by_the_plain_form(kserve: KServe, photo: Photo) -> None:
    asked = provider(kserve.url)
    moderation = asked.moderation(photo)
    assert moderation.result.scores == {"nudity": 0.01, "violence": 0.02}
    assert (moderation.model, moderation.version, moderation.units, moderation.attempts) == ("constant", "1", 1, 1)
    assert [face.confidence for face in asked.faces(photo).result] == [0.99, 0.9]
    assert asked.text(photo).result == [TextLine(text="Hello", confidence=0.98)]
    assert asked.labels(photo).result == [Label(name="dog", confidence=0.97)]
    assert [call["bytes"] for call in kserve.calls] == [photo.size] * 4


def test_a_photo_in_s3_is_sent_as_a_reference_where_the_server_takes_one_and_never_read(kserve: KServe) -> None:
    def read() -> bytes:
        raise AssertionError("read")

    stored = SimpleNamespace(bucket="member-photos", key="a/b.jpg", version=None, etag="e1")
    server = {"url": f"{kserve.url}/plain/moderation", "references": True}
    Http({"moderation": server}).moderation(SimpleNamespace(s3=stored, read=read))
    assert kserve.calls[0]["reference"] == {"s3": "s3://member-photos/a/b.jpg", "version": None, "etag": "e1"}


def test_each_text_has_its_vector(kserve: KServe) -> None:
    answer = provider(kserve.url).embedding(["a", "b", "a"])
    first, second, third = answer.result
    assert first == third != second
    assert (len(first), answer.units, answer.model) == (8, 3, "hash")


def test_a_plain_server_predicts_one_value_for_each_item(kserve: KServe) -> None:
    answer = provider(kserve.url).predict("plain", [{"age": 1, "visits": 2}, {"age": 3, "visits": 4.5}])
    assert [item.value for item in answer.result] == [5.0, 12.0]
    assert (answer.model, answer.version, answer.units) == ("linear", "1", 2)


def test_one_tensor_holds_the_columns_in_their_order(kserve: KServe) -> None:
    answer = provider(kserve.url).predict("linear", [{"visits": 2, "age": 1}, {"visits": 4.5, "age": True}])
    assert [item.value for item in answer.result] == [5.0, 10.0]
    assert kserve.calls[0]["tensors"] == [("input-0", "FP64", [2, 2])]


def test_columns_of_different_types_are_a_tensor_each(kserve: KServe) -> None:
    inputs = [
        {"name": "n", "datatype": "INT8"},
        {"name": "city", "datatype": "BYTES"},
        {"name": "new", "datatype": "BOOL"},
    ]
    asked = of_kserve(kserve.url, {"inputs": inputs}, model="linear", version="1")
    answer = asked.predict("m", [{"n": 127, "city": "Seoul", "new": True}])
    assert [item.value for item in answer.result] == [127 + 2 * 5 + 3 * 1]
    assert kserve.calls[0]["tensors"] == [("n", "INT8", [1, 1]), ("city", "BYTES", [1, 1]), ("new", "BOOL", [1, 1])]
    assert kserve.calls[0]["version"] == "1"


def test_classes_come_with_their_probabilities(kserve: KServe) -> None:
    outputs = {"scores": "probabilities", "classes": ["stays", "leaves"]}
    asked = of_kserve(kserve.url, {**LINEAR, "outputs": outputs}, model="logistic")
    leaves, stays = asked.predict("m", [{"age": 1, "visits": 1}, {"age": -1, "visits": -1}]).result
    assert (leaves.value, stays.value) == ("leaves", "stays")
    assert leaves.scores == pytest.approx({"stays": 1 - stays.scores["stays"], "leaves": 1 / (1 + math.exp(-3))})


def test_the_class_is_what_the_server_says_where_a_tensor_says_it(kserve: KServe) -> None:
    outputs = {"value": "label", "scores": "probabilities"}
    asked = of_kserve(kserve.url, {**LINEAR, "outputs": outputs}, model="logistic")
    found = asked.predict("m", [{"age": 1, "visits": 1}, {"age": -1, "visits": -1}]).result
    assert [item.value for item in found] == ["1", "0"]


def test_an_endpoint_takes_the_place_of_scheme_host_and_port(kserve: KServe) -> None:
    model = {"url": "https://models.example/plain/models/linear"}
    asked = Http({"endpoint": kserve.url, "models": {"m": model}, "embedding": {"url": "/plain/embedding"}})
    assert asked.predict("m", [{"age": 2}]).result[0].value == 2
    assert len(asked.embedding(["a"]).result) == 1


def test_a_slash_at_the_end_matters_to_a_plain_server_only(kserve: KServe) -> None:
    for settings in ({}, {"endpoint": kserve.url + "/"}):
        servers = {"plain": {"url": f"{kserve.url}/plain/models/linear/"}}
        servers["v2"] = {"url": f"{kserve.url}/", "protocol": "kserve_v2", "model": "linear", "tensors": LINEAR}
        asked = Http({"models": servers, **settings})
        assert asked.predict("v2", [{"age": 1, "visits": 1}]).result[0].value == 3
        assert failure(lambda asked=asked: asked.predict("plain", [{"age": 1}])).code == "refused"  # 404


def test_a_token_comes_from_the_variable_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with KServe(token=TOKEN) as kserve:
        asked = Http({"models": {"m": {"url": f"{kserve.url}/plain/models/linear", "token_env": "FRAUD_TOKEN"}}})
        monkeypatch.setenv("FRAUD_TOKEN", TOKEN)
        assert asked.predict("m", [{"age": 2}]).result[0].value == 2
        monkeypatch.setenv("FRAUD_TOKEN", "expired")
        assert failure(lambda: asked.predict("m", [{"age": 2}])).code == "credentials"
        for useless in ("", "two\nlines-" + TOKEN):
            monkeypatch.setenv("FRAUD_TOKEN", useless)
            error = failure(lambda: asked.predict("m", [{"age": 2}]))
            assert (error.code, error.attempts) == ("not-configured", 0)
            assert "FRAUD_TOKEN" in str(error) and TOKEN not in str(error)


def test_many_threads_share_one_provider(kserve: KServe) -> None:
    asked = provider(kserve.url)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda age: asked.predict("linear", [{"age": age, "visits": 0}]), range(200)))
    assert [answer.result[0].value for answer in answers] == list(range(200))


@pytest.mark.parametrize(
    "settings",
    [
        {"models": {"m": {"url": "http://models.example/m"}}},
        {"models": {"m": {"url": "ftp://models.example/m"}}},
        {"models": {"m": {"url": "/m"}}},
        {"models": {"m": {"url": f"https://user:{TOKEN}@models.example/m"}}},
        {"models": {"m": {"url": f"https://models.example/m?key={TOKEN}"}}},
        {"models": {"m": {"url": "https://models.example/m", "token_env": f"{TOKEN}"}}},
        {"models": {"m": {"url": "https://models.example/m", "protocol": "kserve_v2"}}},
        {"models": {"m": {"url": "https://models.example/m", "tensors": LINEAR}}},
        {"models": {"m": {"url": "https://models.example/m", "token": TOKEN}}},
        {"endpoint": "http://models.example"},
        {"moderation": {"url": "http://10.0.0.1/"}},
        {"timeout": 0},
        {"attempts": 0},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused_without_showing_a_secret(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Http(settings)
    assert TOKEN not in str(caught.value)


def test_http_to_another_machine_needs_to_be_allowed() -> None:
    url = "http://fraud.models.svc.cluster.local"
    assert Http({"allow_http": True, "models": {"m": {"url": url}}}).settings.models["m"].url == url


def test_nothing_of_a_photo_a_token_or_an_answer_is_logged(
    photo: Photo, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("FRAUD_TOKEN", TOKEN)
    with KServe(token="another") as kserve:
        asked = Http({"moderation": {"url": f"{kserve.url}/plain/moderation", "token_env": "FRAUD_TOKEN"}})
        error = failure(lambda: asked.moderation(photo))
    for said in (caplog.text, str(error)):
        assert TOKEN not in said and "a token is needed" not in said and "iVBOR" not in said


def test_the_server_that_the_documentation_shows_is_one(tmp_path: Path) -> None:
    shown = textwrap.dedent(str(http.__doc__).partition("A whole server of this form:")[2])
    assert len(shown.strip().splitlines()) <= 20
    port = closed_port().rpartition(":")[2]
    (tmp_path / "server.py").write_text(shown.replace("9000", port))
    with subprocess.Popen([sys.executable, tmp_path / "server.py"], stderr=subprocess.DEVNULL) as server:
        try:
            asked = Http({"attempts": 10, "timeout": 20, "models": {"age": {"url": f"http://127.0.0.1:{port}/"}}})
            answer = asked.predict("age", [{"age": 41}])
        finally:
            server.kill()
    assert (answer.result[0].value, answer.model, answer.version) == (pytest.approx(4.1), "age", "1")
