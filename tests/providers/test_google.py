"""Credentials, retries, deadlines and errors of Google's REST APIs, through google-auth over a real socket."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread
from time import perf_counter, sleep
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.asking import ANY_TIME, Asking
from chalicelib.errors import ProviderError
from chalicelib.providers.google import Rest
from chalicelib.providers.google_settings import GoogleSettings
from tests.emulators.faults import Delay, Fault, Garbage, Refuse, Reset, Status
from tests.emulators.google_rest import GoogleRest
from tests.emulators.server import Emulator, Reply, Request, Route, closed_port

PATH = "/v1/projects/{project}/locations/europe-west4/endpoints/echo:predict"
SECRET = "비밀 intimate words"


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleRest]:
    with GoogleRest() as running:
        for name, value in running.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        running.deploy("echo", lambda instances: instances)
        yield running


def rest(google: GoogleRest, **settings: Any) -> Rest:
    return Rest("Vertex AI", GoogleSettings.model_validate({"endpoint": google.url} | settings), "https://unused.test")


def ask(api: Rest, asking: Asking = ANY_TIME) -> dict[str, Any]:
    return api.talk(asking).ask("POST", PATH, {"instances": [SECRET]})


def within(seconds: float) -> Asking:
    return Asking(until=perf_counter() + seconds)


def failure(api: Rest, asking: Asking = ANY_TIME) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        ask(api, asking)
    assert type(raised.value) is ProviderError  # who is shown its class need not wonder what it means
    assert "words of the provider" not in str(raised.value) and SECRET not in str(raised.value)
    return raised.value


def test_a_request_carries_a_token_that_a_service_account_got_by_a_signed_assertion(google: GoogleRest) -> None:
    api = rest(google)
    assert ask(api)["predictions"] == [SECRET]
    assert ask(api)["predictions"] == [SECRET]
    assert [call["operation"] for call in google.calls] == ["token", "predict", "predict"]
    assert google.calls[1]["project"] == "artemis-emulated"  # the credentials' own


def test_a_token_that_is_about_to_run_out_is_renewed_before_the_request(google: GoogleRest) -> None:
    google.token_seconds = 60  # google-auth counts the last minutes of a token as over
    api = rest(google)
    ask(api)
    before = google.count("token")
    ask(api)
    assert google.count("token") > before


def test_a_token_that_was_withdrawn_is_renewed_and_the_request_sent_again(google: GoogleRest) -> None:
    api = rest(google)
    ask(api)
    google.revoke()
    assert ask(api)["predictions"] == [SECRET]
    assert google.count("token") == 2


def test_threads_that_begin_together_fetch_one_token(google: GoogleRest) -> None:
    api, together = rest(google), Barrier(12)

    def one(_: int) -> Any:
        together.wait(10)
        return ask(api)["predictions"]

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(one, range(12))) == [[SECRET]] * 12
    assert google.count("token") == 1


def test_many_requests_need_few_connections(google: GoogleRest) -> None:
    api = rest(google)
    for _ in range(10):
        ask(api)
    assert len(google._connections) <= 2  # the token's and the API's


@pytest.mark.parametrize(
    ("fault", "code", "attempts"),
    [
        (Delay(20), "timeout", 2),
        (Refuse(), "unreachable", 2),
        (Reset(), "unreachable", 2),
        (Status(429), "throttled", 2),
        (Status(500), "server-error", 2),
        (Status(502), "server-error", 2),
        (Status(503), "server-error", 2),
        (Status(504), "server-error", 2),
        (Status(501), "server-error", 1),
        (Status(401), "credentials", 1),
        (Status(403), "credentials", 1),
        (Status(400), "refused", 1),
        (Status(404), "refused", 1),
        (Garbage(), "bad-answer", 1),
    ],
)
def test_each_fault_has_its_code_and_is_tried_again_only_where_that_may_help(
    google: GoogleRest, fault: Fault, code: str, attempts: int
) -> None:
    api = rest(google, attempts=2)
    ask(api)  # it has its token
    api.timeout = 0.3 if fault == Delay(20) else 5
    google.faults.always(fault)
    error = failure(api)
    assert (error.code, error.attempts) == (code, attempts)


def test_what_fails_once_is_answered_by_the_next_attempt(google: GoogleRest) -> None:
    google.faults.then(Status(503))
    google.faults.then(Reset())
    talk = rest(google).talk(ANY_TIME)
    assert talk.ask("POST", PATH, {"instances": [1]})["predictions"] == [1]
    assert talk.attempts == 3


def test_nobody_listening_is_unreachable(google: GoogleRest) -> None:
    error = failure(rest(google, endpoint=closed_port(), attempts=2))
    assert (error.code, error.attempts) == ("unreachable", 2)


def test_a_wait_that_the_answer_asks_for_is_kept(google: GoogleRest) -> None:
    google.faults.then(Status(429, retry_after=1))
    started = perf_counter()
    assert ask(rest(google), within(20))["predictions"] == [SECRET]
    assert perf_counter() - started >= 1


@pytest.mark.parametrize("asking", [within(5), ANY_TIME])
def test_a_wait_beyond_the_time_that_is_left_is_not_begun(google: GoogleRest, asking: Asking) -> None:
    google.faults.always(Status(429, retry_after=3600))
    started = perf_counter()
    error = failure(rest(google), asking if asking is ANY_TIME else within(5))
    assert (error.code, error.attempts) == ("throttled", 1)
    assert perf_counter() - started < 4


def test_nothing_is_sent_when_no_time_is_left(google: GoogleRest) -> None:
    error = failure(rest(google), within(0))
    assert (error.code, error.attempts) == ("timeout", 0)
    assert google.calls == []


def test_nothing_goes_on_past_the_deadline(google: GoogleRest) -> None:
    google.faults.always(Delay(30))
    started = perf_counter()
    assert failure(rest(google, timeout=20), within(0.4)).code == "timeout"
    assert perf_counter() - started < 5


def test_an_answer_that_trickles_is_given_up_in_time(google: GoogleRest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=_trickle, args=(server,), daemon=True).start()
        port = server.getsockname()[1]
        started = perf_counter()
        error = failure(rest(google, endpoint=f"http://127.0.0.1:{port}", timeout=0.5, attempts=1))
    assert (error.code, error.attempts) == ("timeout", 1)
    assert perf_counter() - started < 10


def _trickle(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            sleep(0.05)


class _Redirecting(Emulator):
    elsewhere = ""

    def routes(self) -> list[Route]:
        return [Route("POST", "/v1/{rest:path}", self.redirect)]

    def redirect(self, request: Request) -> Reply:
        return 307, {}, {"Location": self.elsewhere}


def test_a_redirect_is_not_followed_so_that_the_token_stays_here(google: GoogleRest) -> None:
    with _Redirecting() as other:
        other.elsewhere = google.url + PATH.replace("{project}", "p")
        assert failure(rest(google, endpoint=other.url)).code == "bad-answer"
    assert google.count("predict") == 0


@pytest.mark.parametrize(
    "answer", [b'{"predictions": [NaN]}', b'{"predictions": [Infinity]}', b"[]", b"", b"[" * 99999]
)
def test_an_answer_that_is_no_json_object_is_a_bad_answer(
    google: GoogleRest, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, *_ = google._routes
    everything = Route("POST", "/{all:path}", google.embed)
    monkeypatch.setattr(everything, "answer", lambda request: (200, answer, {}))
    monkeypatch.setattr(google, "_routes", [token, everything])
    assert failure(rest(google)).code == "bad-answer"


def test_an_account_that_may_no_longer_is_a_matter_of_credentials_and_no_call(google: GoogleRest) -> None:
    google.token_status = 400
    error = failure(rest(google))
    assert (error.code, error.attempts) == ("credentials", 0)
    assert "invalid_grant" not in str(error) and google.count("predict") == 0


def test_a_token_server_that_fails_is_asked_again_within_the_deadline(google: GoogleRest) -> None:
    google.token_status = 503
    started = perf_counter()
    error = failure(rest(google), within(10))
    assert (error.code, error.attempts, google.count("token")) == ("server-error", 0, 3)
    assert perf_counter() - started < 5  # google-auth's own retry alone would sleep for about 3 s


def test_a_platform_without_credentials_is_told_so(
    google: GoogleRest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    error = failure(rest(google))
    assert (error.code, error.attempts) == ("credentials", 0)
    assert "no Google credentials" in str(error)


def test_a_project_that_nobody_names_is_asked_for(
    google: GoogleRest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    key = tmp_path / "service-account.json"
    key.write_text(key.read_text("utf-8").replace('"project_id"', '"unknown"'), "utf-8")
    assert failure(rest(google)).code == "not-configured"
    assert ask(rest(google, project="named-here"))["predictions"] == [SECRET]
    assert google.calls[-1]["project"] == "named-here"


def test_logs_hold_neither_token_nor_content(google: GoogleRest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    google.faults.then(Status(503))
    google.faults.then(Status(401))
    ask(rest(google))
    assert caplog.records
    for secret in ("ya29.", SECRET, "words of the provider", "PRIVATE KEY"):
        assert secret not in caplog.text


def test_what_json_cannot_say_is_refused_and_not_sent(google: GoogleRest) -> None:
    for value in (float("nan"), object(), "\ud800"):
        with pytest.raises(ProviderError) as raised:
            rest(google).talk(ANY_TIME).ask("POST", PATH, {"instances": [value]})
        assert (raised.value.code, raised.value.attempts) == ("refused", 0)
    assert google.calls == []


@pytest.mark.parametrize(
    "url", ["http://vertex.example", "ftp://127.0.0.1", "https://user:word@vertex.example", "https://a.b?c=d", "x"]
)
def test_a_token_is_sent_only_where_it_is_safe(url: str) -> None:
    with pytest.raises(ValidationError, match="base URL"):
        GoogleSettings(endpoint=url)


def test_a_provider_loads_no_client_library_until_it_is_asked() -> None:
    code = (
        "import sys\n"
        "from chalicelib.providers import make\n"
        "make('vertex_ai', {'project': 'p', 'models': {'m': {'endpoint_id': '1'}}}).settings\n"
        "make('bigquery', {'project': 'p'}).settings\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "sys.exit(' '.join(loaded & {'google', 'requests', 'urllib3', 'grpc'}) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
