"""The published contract, and the page that shows it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from api_client import Contract, InProcess, OverSocket
from api_pictures import asking, encoded, photo
from api_server import ROOT
from jsonschema import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator
from test_bad_photos import REFUSED
from test_bad_requests import INVALID, OK

from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest, kebab
from chalicelib.service import LOCAL_CLIENT


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """The contract of the project's own use cases."""
    return document(Manifest.read(), LOCAL_CLIENT)


def test_the_contract_is_valid_openapi_3_1(api: InProcess, wire: OverSocket, real: dict[str, Any]) -> None:
    reply = api.get("/openapi.json")
    assert reply.headers["content-type"] == "application/json"
    for contract in (reply.json, wire.contract.document, real):
        assert contract["openapi"].startswith("3.1.")
        errors = [error.message for error in OpenAPIV31SpecValidator(contract).iter_errors()]
        assert errors == []


def test_every_use_case_has_its_own_typed_path(api: InProcess, manifest: Manifest) -> None:
    paths = api.get("/openapi.json").json["paths"]
    for name in manifest.use_cases:
        operation = paths[f"/v1/use-cases/{kebab(name)}/decisions"]["post"]
        assert operation["requestBody"]["required"] is True
        assert operation["summary"] == manifest.use_cases[name]["title"]
        assert {"200", "400", "401", "404", "415", "422", "500", "502", "503", "504"} <= operation["responses"].keys()
    operations = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(operations) == len(set(operations))


def test_every_route_of_the_app_is_in_the_contract_or_is_the_page(api: InProcess) -> None:
    from app import app

    pages = {"/docs", "/docs/{name}", "/openapi.json"}
    paths = api.get("/openapi.json").json["paths"]
    generic = "/v1/use-cases/{name}/decisions"
    coming = generic.replace("v1", "v2")  # on the local stage: for a use case whose contract is raised meanwhile
    routes = {pattern for pattern, methods in app.routes.items() if methods} - pages - {coming}
    assert routes == {generic if path.startswith("/v1/use-cases/") else path for path in paths}


def test_the_schemas_are_those_of_request_and_decision(real: dict[str, Any]) -> None:
    schemas = real["components"]["schemas"]
    request, decision = schemas["ProfilePhotoReviewRequest"], schemas["ProfilePhotoReviewDecision"]
    assert request["properties"].keys() == {"user_id", "photo"}
    assert request["additionalProperties"] is False
    assert sorted(decision["properties"]["outcome"]["enum"]) == ["approve", "reject", "review"]
    assert "contact" in decision["properties"]["reasons"]["items"]["enum"]
    envelope = schemas["ProfilePhotoReviewEnvelope"]
    assert envelope["properties"]["use_case"] == {"const": "profile_photo_review"}


def test_there_are_examples_that_fit_and_are_decided(api: InProcess, real: dict[str, Any]) -> None:
    contract = Contract(real)
    examples = real["components"]["schemas"]["ProfilePhotoReviewRequest"]["examples"]
    assert examples
    for example in examples:
        contract.validate(contract.component("ProfilePhotoReviewRequest"), example)
    published = api.contract.document["components"]["schemas"]["RefundCheckRequest"]["examples"]
    for example in published:
        assert api.decide("refund-check", example).status == 200


def test_what_is_decided_fits_the_request_schema(api: InProcess) -> None:
    request = api.contract.component("RefundCheckRequest")
    for body in (OK, {**OK, "items": [{"sku": "a"}], "weights": {"w": 1}, "free": {"x": [None]}, "channel": "web"}):
        api.contract.validate(request, body)
        assert api.decide("refund-check", body).status == 200
    body = asking(photo(encoded("JPEG")))
    api.contract.validate(api.contract.component("PhotoProbeRequest"), body)
    assert api.decide("photo-probe", body).status == 200


@pytest.mark.parametrize("body", [case[1] for case in INVALID if not isinstance(case[1], str)], ids=str)
def test_a_refused_shape_does_not_fit_the_request_schema(api: InProcess, body: Any) -> None:
    """What cannot be said in JSON Schema (NUL, NaN) is left out; everything else the contract says too."""
    with pytest.raises(ValidationError):
        api.contract.validate(api.contract.component("RefundCheckRequest"), body)


@pytest.mark.parametrize("source", ["two sources", "no source", "an unknown source", "a web address", "a bucket"])
def test_a_refused_source_does_not_fit_the_photo_schema(api: InProcess, source: str) -> None:
    value = next(case[1] for case in REFUSED if case[0] == source)
    with pytest.raises(ValidationError):
        api.contract.validate(api.contract.component("PhotoProbeRequest"), asking(value))


def test_a_wrong_answer_would_not_fit_the_contract(api: InProcess) -> None:
    """The check that every test of this folder relies on does refuse something."""
    envelope = api.contract.component("RefundCheckEnvelope")
    good = api.decide("refund-check", OK).json
    api.contract.validate(envelope, good)
    for change in ({"id": "x"}, {"status": "fine"}, {"use_case": "trouble"}, {"decision": {"outcome": "maybe"}}):
        with pytest.raises(ValidationError):
            api.contract.validate(envelope, good | change)


def test_the_page_is_served_by_us_with_all_it_needs(wire: OverSocket) -> None:
    page = wire.get("/docs")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    served = [asset for asset in assets if not asset.startswith("data:")]
    assert len(served) == 3
    for asset in served:
        where = httpx.URL(wire.url + "/docs").join(asset)
        reply = wire.get(where.path)
        assert reply.status == 200
        kind = "css" if asset.endswith(".css") else "javascript"
        assert kind in reply.headers["content-type"]
        assert reply.content == (ROOT / "chalicelib/http/static" / asset.rpartition("/")[2]).read_bytes()


def test_the_page_names_no_other_host(wire: OverSocket) -> None:
    for path in ("/docs", "/docs/docs.js"):
        assert not re.findall(rb"(?:https?:)?//[a-z0-9-]+\.[a-z]", wire.get(path).content)
    assert b"validatorUrl: null" in wire.get("/docs/docs.js").content  # or Swagger UI asks a badge of swagger.io
    style = wire.get("/docs/swagger-ui.css").content
    assert not re.findall(rb"(?:@import|url\(\s*[\"']?(?:https?:)?//)", style)


def test_the_page_may_load_nothing_from_elsewhere(wire: OverSocket) -> None:
    rules = wire.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in rules
    assert "http" not in rules
    assert "*" not in rules
    script = next(rule for rule in rules.split(";") if "script-src" in rule)
    assert script.split() == ["script-src", "'self'"]


def test_the_page_with_a_slash_leads_to_the_page_without() -> None:
    """A gateway ignores a trailing slash, but the page's relative links do not."""
    from app import app

    context = {"resourcePath": "/docs", "httpMethod": "GET", "path": "/docs/"}
    event = {"requestContext": context, "headers": {}, "multiValueQueryStringParameters": None}
    event |= {"pathParameters": None, "stageVariables": None, "body": None}
    answer = app(event, None)
    assert (answer["statusCode"], answer["headers"]["Location"]) == (308, "../docs")
