"""The Chalice app: routes. Parse, call, reply; everything else is in chalicelib."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.warmup import without_collector

with without_collector():
    from chalice.app import Request, Response

    from chalicelib import __version__, bootstrap
    from chalicelib.errors import Invalid
    from chalicelib.http import docs
    from chalicelib.http.auth import authenticate
    from chalicelib.http.edge import JSON, answers, body_of, created, problems, query_of
    from chalicelib.http.idempotency import headers_of, key_of
    from chalicelib.http.threads import ThreadLocalChalice
    from chalicelib.service import Service
    from chalicelib.settings import ApiKey

app = ThreadLocalChalice(app_name="artemis", configure_logs=False)
app.register_middleware(problems, "http")
bootstrap.service()  # a misconfigured service does not start


def _request() -> Request:
    assert app.current_request is not None  # Chalice sets it before it calls a view
    return app.current_request


def _caller() -> tuple[Service, ApiKey]:
    service = bootstrap.service()
    return service, authenticate(_request().headers.get("authorization"), service.settings)


def _seconds_left() -> float | None:
    """What Lambda leaves this invocation, less what an answer needs; None elsewhere."""
    remaining = getattr(app.lambda_context, "get_remaining_time_in_millis", None)
    return remaining() / 1000 - 1 if remaining else None


for _middleware in bootstrap.middleware(_seconds_left):
    app.register_middleware(_middleware, "http")


def _decide(contract: int) -> Callable[[str], Any]:
    @answers
    def decide(name: str) -> Any:
        service, client = _caller()
        key = key_of(_request().headers)
        decided = service.decide(client, name, body_of(_request()), _seconds_left(), contract, key)
        return Response(decided.envelope, headers={**JSON, **headers_of(decided)})

    return decide


# Literal prefixes: API Gateway does not try "/{contract}/..." where "/v1/..." has begun to match.
for _contract in bootstrap.service().contracts:
    app.route(f"/v{_contract}/use-cases/{{name}}/decisions", methods=["POST"])(_decide(_contract))


@app.route("/v1/decisions/{decision_id}")
@answers
def get_decision(decision_id: str) -> Any:
    service, client = _caller()
    query = query_of(_request())
    if query and query != {"include": ["trace"]}:
        raise Invalid([{"pointer": "", "detail": "the query is not known; there is only ?include=trace"}])
    return service.get(client, decision_id, with_trace=bool(query))


@app.route("/v1/decisions")
@answers
def list_decisions() -> Any:
    service, client = _caller()
    return service.list_decisions(client, query_of(_request()))


@app.route("/v1/decisions/{decision_id}/labels")
@answers
def list_labels(decision_id: str) -> Any:
    service, client = _caller()
    return service.labels(client, decision_id)


@app.route("/v1/decisions/{decision_id}/labels", methods=["POST"])
@answers
def add_label(decision_id: str) -> Any:
    service, client = _caller()
    return created(service.label(client, decision_id, body_of(_request())))


@app.route("/v1/use-cases")
@answers
def use_cases() -> Any:
    service, client = _caller()
    return {"use_cases": service.use_cases(client)}


@app.route("/v1/models")
@answers
def models() -> Any:
    service, _ = _caller()
    return service.models()


@app.route("/openapi.json")
@answers
def openapi() -> Any:
    from chalicelib.http.openapi import document

    service, client = _caller()
    photos = service.settings.photos
    return document(service.manifest, client, samples=photos.samples is not None, buckets=bool(photos.buckets))


@app.route("/docs")
@answers
def documentation() -> Any:
    if str(_request().context.get("path", "")).endswith("/"):  # its relative links would lead elsewhere
        return Response("", status_code=308, headers={"Location": "../docs"})
    return docs.page()


@app.route("/docs/{name}")
@answers
def documentation_file(name: str) -> Any:
    return docs.asset(name)


@app.route("/health")
@answers
def health() -> Any:
    return {"status": "ok", "version": __version__}


@app.schedule("rate(1 hour)", name="watch")
def watch(event: Any) -> dict[str, float]:
    """Use case -> how far its outcomes of the last day are from those before; for Lambda's scheduler."""
    return bootstrap.watch()


@app.route("/ready")
@answers
def ready() -> Any:
    bootstrap.service().ready()
    return {"status": "ok"}
