"""The Chalice app: routes. Parse, call, reply; everything else is in chalicelib."""

from __future__ import annotations

from typing import Any

from chalice import Response

from chalicelib import __version__, bootstrap
from chalicelib.errors import Invalid
from chalicelib.http import docs
from chalicelib.http.auth import authenticate
from chalicelib.http.edge import answers, problems
from chalicelib.http.threads import ThreadLocalChalice
from chalicelib.service import Service
from chalicelib.settings import ApiKey

app = ThreadLocalChalice(app_name="artemis", configure_logs=False)
app.register_middleware(problems, "http")
bootstrap.service()  # a misconfigured service does not start


def _caller() -> tuple[Service, ApiKey]:
    service = bootstrap.service()
    return service, authenticate(app.current_request.headers.get("authorization"), service.settings)


def _seconds_left() -> float | None:
    """What Lambda leaves this invocation, less what an answer needs; None elsewhere."""
    remaining = getattr(app.lambda_context, "get_remaining_time_in_millis", None)
    return remaining() / 1000 - 1 if remaining else None


@app.route("/v1/use-cases/{name}/decisions", methods=["POST"])
@answers
def decide(name: str) -> Any:
    service, client = _caller()
    decided = service.decide(client, name, app.current_request.raw_body, _seconds_left())
    headers = {"Content-Type": "application/json", "Location": f"/v1/decisions/{decided.id}"}
    return Response(decided.envelope, headers=headers)


@app.route("/v1/decisions/{decision_id}")
@answers
def get_decision(decision_id: str) -> Any:
    service, client = _caller()
    query = app.current_request.query_params or {}
    unknown = [name for name in query if name != "include"] or [
        value for value in (query.getlist("include") if query else []) if value != "trace"
    ]
    if unknown:
        raise Invalid([{"pointer": "", "detail": f"query {unknown[0]!r}: only include=trace is known"}])
    return service.get(client, decision_id, with_trace=bool(query))


@app.route("/v1/use-cases")
@answers
def use_cases() -> Any:
    service, client = _caller()
    return {"use_cases": service.use_cases(client)}


@app.route("/openapi.json")
@answers
def openapi() -> Any:
    from chalicelib.http.openapi import document

    service, client = _caller()
    return document(service.manifest, client)


@app.route("/docs")
@answers
def documentation() -> Any:
    return docs.page()


@app.route("/docs/{name}")
@answers
def documentation_file(name: str) -> Any:
    return docs.asset(name)


@app.route("/health")
@answers
def health() -> Any:
    return {"status": "ok", "version": __version__}


@app.route("/ready")
@answers
def ready() -> Any:
    bootstrap.service().ready()
    return {"status": "ok"}
