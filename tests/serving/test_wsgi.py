"""The WSGI adapter: what the app is given, what the client gets, and which apps are refused."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from chalice.app import AuthResponse, Blueprint, Chalice, Response

from chalicelib.errors import SettingsError
from chalicelib.http.problems import from_chalice
from chalicelib.http.threads import ThreadLocalChalice
from serving.wsgi import WsgiAdapter

LIMIT = 1000
ANY_TYPE = ["application/json", "text/plain", "application/octet-stream"]


class CountingBody(io.BytesIO):
    """A request body that knows how much of it was asked for."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


class BrokenBody(io.BytesIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        raise self.error


class Reply:
    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.header_list, self.body = int(status[:3]), headers, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def make_app() -> ThreadLocalChalice:
    """Every route answers with the event it was given."""
    app = ThreadLocalChalice("echo", configure_logs=False)

    def event(**_: str) -> Any:
        assert app.current_request is not None
        return app.current_request.to_original_event()

    for path in (
        "/",
        "/things/{id}",
        "/things/special",
        "/things/{id}/parts/{part}",
        "/things/special/parts/{part}",
    ):
        app.route(path, methods=["GET", "POST"], content_types=ANY_TYPE, name=path)(event)
    app.route("/post-only", methods=["POST"], name="post-only")(event)
    app.middleware("http")(lambda event, get_response: from_chalice(get_response(event)))
    return app


def app_answering(answer: Any) -> ThreadLocalChalice:
    """An app that gives the server exactly ``answer``, or raises it."""

    class Fixed(ThreadLocalChalice):
        def __call__(self, event: Any, context: Any) -> Any:
            if isinstance(answer, BaseException):
                raise answer
            return answer

    app = Fixed("fixed", configure_logs=False)
    app.route("/")(lambda: None)
    return app


def ask(app: Chalice, uri: str = "/", method: str = "GET", body: bytes | io.BytesIO = b"", **environ: Any) -> Reply:
    """One request in the form gunicorn gives it. ``HTTP_X=…`` adds to the environ, None takes away."""
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    environ = {
        "REQUEST_METHOD": method,
        "RAW_URI": uri,
        "PATH_INFO": "/not/to/be/used",
        "QUERY_STRING": uri.partition("?")[2],
        "CONTENT_LENGTH": str(len(stream.getvalue())),
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "REMOTE_ADDR": "127.0.0.1",
        **environ,
    }
    started: list[Any] = []
    adapter = WsgiAdapter(app, max_body=LIMIT)
    present = {key: value for key, value in environ.items() if value is not None}
    chunks = adapter(present, lambda status, headers: started.append((status, headers)))  # type: ignore[arg-type]
    return Reply(*started[0], b"".join(chunks))


def test_the_event_is_the_one_api_gateway_sends():
    event = ask(make_app(), "/things/7?a=1", "POST", b'{"x": 1}', CONTENT_TYPE="application/json", HTTP_X_Y="z").json
    request_id = event["requestContext"].pop("requestId")
    assert len(request_id) == 36
    assert event == {
        "resource": "/things/{id}",
        "path": "/things/7",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json", "Content-Length": "8", "X-Y": "z"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "Content-Length": ["8"], "X-Y": ["z"]},
        "queryStringParameters": {"a": "1"},
        "multiValueQueryStringParameters": {"a": ["1"]},
        "pathParameters": {"id": "7"},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/things/{id}",
            "path": "/things/7",
            "httpMethod": "POST",
            "identity": {"sourceIp": "127.0.0.1", "userAgent": None},
        },
        "body": '{"x": 1}',
        "isBase64Encoded": False,
    }


def test_what_a_request_does_not_have_is_null_as_in_api_gateway():
    event = ask(make_app(), "/", CONTENT_LENGTH=None).json
    assert [event[name] for name in ("body", "pathParameters", "multiValueQueryStringParameters")] == [None] * 3


def test_a_header_that_was_sent_empty_is_not_taken_for_one_that_was_not():
    headers = ask(make_app(), "/things/7", HTTP_IDEMPOTENCY_KEY="", CONTENT_TYPE="").json["headers"]
    assert headers["Idempotency-Key"] == ""
    assert "Content-Type" not in headers


def test_every_request_has_its_own_id():
    ids = {ask(make_app(), "/").json["requestContext"]["requestId"] for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize(
    ("uri", "resource", "parameters"),
    [
        ("/", "/", None),
        ("/things/special", "/things/special", None),
        ("/things/other", "/things/{id}", {"id": "other"}),
        ("/things/a%2Fb%20c", "/things/{id}", {"id": "a%2Fb%20c"}),
        ("/things/special/", "/things/special", None),
        ("/things/x/", "/things/{id}", {"id": "x"}),
        ("/things/special/parts/1", "/things/special/parts/{part}", {"part": "1"}),
        ("/things/x/parts/1", "/things/{id}/parts/{part}", {"id": "x", "part": "1"}),
        ("http://example.test/things/x?u=http://y/z", "/things/{id}", {"id": "x"}),
        ("http://example.test?q=/things/x", "/", None),
        ("/things/%2F\xed\x95\x9c", "/things/{id}", {"id": "%2F%ED%95%9C"}),
        ("/things/x#y", "/things/{id}", {"id": "x"}),
    ],
)
def test_a_path_finds_its_route_literal_before_parameter_and_stays_encoded(uri, resource, parameters):
    event = ask(make_app(), uri).json
    assert (event["resource"], event["pathParameters"]) == (resource, parameters)


def test_a_server_without_raw_uri_gets_its_decoded_path_encoded_again():
    event = ask(make_app(), RAW_URI=None, PATH_INFO="/things/50% \xed\x95\x9c").json
    assert event["pathParameters"] == {"id": "50%25%20%ED%95%9C"}


def test_a_prefix_the_server_mounted_us_under_is_no_part_of_the_path():
    assert ask(make_app(), "/api/things/x", SCRIPT_NAME="/api").json["path"] == "/things/x"


@pytest.mark.parametrize("uri", ["/nope", "/things", "/things//", "/things//parts/1", "//things/x", "/THINGS/x", "*"])
def test_a_path_without_a_route_is_a_404_problem(uri):
    reply = ask(make_app(), uri)
    assert (reply.status, reply.headers["content-type"]) == (404, "application/problem+json")
    assert reply.json["type"] == "urn:artemis:problem:not-found"


def test_a_method_the_path_does_not_have_is_answered_405_by_the_app_with_allow():
    reply = ask(make_app(), "/post-only", "DELETE")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert reply.json["type"] == "urn:artemis:problem:method-not-allowed"


def test_head_is_get_without_the_body():
    app = ThreadLocalChalice("head", configure_logs=False)
    app.route("/")(lambda: {"a": 1})
    reply = ask(app, "/", "HEAD")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "7")
    assert ask(make_app(), "/post-only", "HEAD").status == 405


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        ("a=&b", {"a": [""], "b": [""]}),
        ("na%20me=v%26w+x", {"na me": ["v&w x"]}),
        ("a=%FF", {"a": ["\N{REPLACEMENT CHARACTER}"]}),
        ("a=\xed\x95\x9c", {"a": ["한"]}),
        ("a=%zz", {"a": ["%zz"]}),
        ("", None),
    ],
)
def test_query_values_are_decoded_and_all_of_them_kept(query, expected):
    event = ask(make_app(), f"/?{query}").json
    assert event["multiValueQueryStringParameters"] == expected
    assert event["queryStringParameters"] == (expected and {name: values[-1] for name, values in expected.items()})


@pytest.mark.parametrize(
    ("body", "text", "is_base64"),
    [("한글".encode(), "한글", False), (b"\xff\x00", "/wA=", True), (b"", None, False)],
)
def test_a_body_is_text_when_it_is_utf8_and_base64_otherwise(body, text, is_base64):
    event = ask(make_app(), "/", "POST", body, CONTENT_TYPE="text/plain").json
    assert (event["body"], event["isBase64Encoded"]) == (text, is_base64)


def test_the_view_sees_the_very_bytes_that_were_sent():
    app = ThreadLocalChalice("bytes", configure_logs=False)
    sent = bytes(range(256))
    view = app.route("/", methods=["POST"], content_types=["application/octet-stream"])
    view(lambda: {"same": app.current_request.raw_body == sent})
    assert ask(app, "/", "POST", sent, CONTENT_TYPE="application/octet-stream").json == {"same": True}


def test_a_body_that_says_it_is_too_large_is_refused_unread():
    body = CountingBody(b"x" * (LIMIT + 1))
    reply = ask(make_app(), "/", "POST", body)
    assert (reply.status, body.taken) == (413, 0)
    assert reply.json["type"] == "urn:artemis:problem:too-large"


def test_chunks_are_read_up_to_the_limit_and_not_beyond():
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None}
    body = CountingBody(b"x" * LIMIT * 50)
    assert ask(make_app(), "/", "POST", body, **chunked).status == 413
    assert body.taken <= LIMIT + 1


def test_a_body_of_exactly_the_limit_passes_declared_or_in_chunks():
    body = b"x" * LIMIT
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None, "CONTENT_TYPE": "text/plain"}
    assert ask(make_app(), "/", "POST", body, **chunked).json["body"] == body.decode()
    assert ask(make_app(), "/", "POST", body, CONTENT_TYPE="text/plain").json["body"] == body.decode()


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "1e3"}, 400),
        ({"CONTENT_LENGTH": "²"}, 400),
        ({"CONTENT_LENGTH": "9" * 5000}, 400),
        ({"CONTENT_LENGTH": "10"}, 400),  # of which 4 arrive
        ({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": None}, 411),
        ({"wsgi.input": BrokenBody(ValueError("bad chunk: secret"))}, 400),
        ({"wsgi.input": BrokenBody(BlockingIOError())}, 408),
    ],
)
def test_a_body_that_cannot_be_read_is_the_clients_problem(environ, status):
    reply = ask(make_app(), "/", "POST", b"1234", **environ)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert b"secret" not in reply.body


def test_a_binary_answer_arrives_as_its_bytes():
    app = ThreadLocalChalice("binary", configure_logs=False)
    picture = b"\x89PNG\r\n\x1a\n\xff"
    app.route("/")(lambda: Response(picture, headers={"Content-Type": "image/png"}))
    reply = ask(app, "/", HTTP_ACCEPT="image/png")
    assert (reply.body, reply.headers["content-type"]) == (picture, "image/png")
    assert reply.headers["content-length"] == str(len(picture))


def test_an_answers_length_counts_bytes_and_its_default_type_is_json():
    app = ThreadLocalChalice("text", configure_logs=False)
    app.route("/")(lambda: Response("한"))
    reply = ask(app, "/")
    assert (reply.headers["content-length"], reply.headers["content-type"]) == ("3", "application/json")


def test_repeated_answer_headers_are_all_sent():
    app = ThreadLocalChalice("cookies", configure_logs=False)
    app.route("/")(lambda: Response("", headers={"Set-Cookie": ["a=1", "b=2"], "X-One": "1"}))
    sent = ask(app, "/").header_list
    assert [item for item in sent if item[0] in ("Set-Cookie", "X-One")] == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("X-One", "1"),
    ]


def test_the_connection_and_the_length_are_not_the_apps_to_set():
    answer = {"statusCode": 200, "body": "abc", "headers": {"content-length": "99", "Connection": "upgrade"}}
    assert ask(app_answering(answer)).header_list == [
        ("Content-Type", "application/json"),
        ("Content-Length", "3"),
    ]


def test_no_content_has_neither_body_nor_length():
    reply = ask(app_answering({"statusCode": 204, "body": "null", "headers": {}}))
    assert (reply.status, reply.body, reply.header_list) == (204, b"", [])


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("secret"),
        SystemExit("secret"),
        None,
        {"body": "secret"},
        {"statusCode": "200", "body": "secret"},
        {"statusCode": 99, "body": "secret"},
        {"statusCode": True, "body": "secret"},
        {"statusCode": 200, "body": {"not": "secret"}},
        {"statusCode": 200, "body": b"secret"},
        {"statusCode": 200, "body": "secret \ud800"},
        {"statusCode": 200, "body": "c2VjcmV0!", "isBase64Encoded": True},
        {"statusCode": 200, "body": "", "headers": {"X": "a\r\nSet-Cookie: secret=1"}},
        {"statusCode": 200, "body": "", "headers": {"X": "한"}},
        {"statusCode": 200, "body": "", "headers": {"X Y": "secret"}},
        {"statusCode": 200, "body": "", "headers": {"X": 5}},
    ],
)
def test_an_app_that_fails_is_a_500_problem_with_the_id_of_the_log_line(answer, caplog):
    reply = ask(app_answering(answer))
    assert (reply.status, reply.json["type"]) == (500, "urn:artemis:problem:internal")
    assert reply.json["request_id"] in caplog.text
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body


def test_an_app_that_cannot_be_served_faithfully_is_refused_with_every_reason():
    app = Chalice("raw", configure_logs=False)

    @app.authorizer()
    def gate(request: Any) -> AuthResponse:
        return AuthResponse(routes=["*"], principal_id="anyone")

    app.route("/gated", name="gated", authorizer=gate)(lambda: None)
    app.route("/keyed", name="keyed", api_key_required=True)(lambda: None)
    app.route("/all/{proxy+}", name="greedy")(lambda: None)
    app.on_ws_message(name="ws")(lambda event: None)
    with pytest.raises(SettingsError) as refusal:
        WsgiAdapter(app)
    reasons = refusal.value.problems
    for word in ("ThreadLocalChalice", "/gated", "/keyed", "/all/{proxy+}", "websocket"):
        assert [word in reason for reason in reasons].count(True) == 1, (word, reasons)
    assert len(reasons) == 5


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_the_adapter_keeps_to_the_wsgi_standard(method):
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "wsgi.input": io.BytesIO(b"{}"), "QUERY_STRING": ""}
    environ |= {"CONTENT_LENGTH": "2"} if method == "POST" else {}
    setup_testing_defaults(environ)
    started: list[str] = []
    checked = validator(WsgiAdapter(make_app()))  # raises on any breach of PEP 3333
    answer = checked(environ, lambda status, headers, exc_info=None: started.append(status))
    b"".join(answer)
    answer.close()
    assert started == ["200 OK"]


def together(app: Chalice) -> list[tuple[str, str]]:
    """Two requests at once: what each asked for, and what its view read from ``current_request``."""
    both_are_in = threading.Barrier(2, timeout=10)

    @app.route("/{name}")
    def view(name: str) -> dict[str, str]:
        both_are_in.wait()
        return {"asked": name, "read": app.current_request.uri_params["name"]}

    def request(name: str) -> tuple[str, str]:
        context = {"resourcePath": "/{name}", "httpMethod": "GET"}
        event = {"requestContext": context, "pathParameters": {"name": name}, "headers": {}, "body": None}
        answer = app({**event, "multiValueQueryStringParameters": None, "stageVariables": None}, None)
        seen = json.loads(answer["body"])
        return seen["asked"], seen["read"]

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(request, ["a", "b"]))


def test_two_threads_each_have_their_own_request():
    assert together(ThreadLocalChalice("ours", configure_logs=False)) == [("a", "a"), ("b", "b")]


def test_control_a_raw_chalice_app_gives_both_threads_the_same_request():
    (_, first), (_, second) = together(Chalice("raw", configure_logs=False))
    assert first == second


def test_nothing_of_a_request_stays_in_its_thread():
    app = make_app()
    ask(app, "/", "POST", b"x" * LIMIT, CONTENT_TYPE="text/plain")
    assert (app.current_request, app.lambda_context) == (None, None)


def test_a_blueprint_sees_the_request_and_context_of_its_app():
    app, blueprint = ThreadLocalChalice("blue", configure_logs=False), Blueprint("print")
    blueprint.route("/{name}")(lambda name: [blueprint.current_request.uri_params, blueprint.lambda_context])
    app.register_blueprint(blueprint)
    assert ask(app, "/x").json == [{"name": "x"}, None]
