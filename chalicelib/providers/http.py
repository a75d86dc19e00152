"""Any model server that speaks JSON over HTTP: our own plain form, or the Open Inference Protocol (``kserve_v2``).

The plain form is one POST for each call. What is sent to the configured url, and what must come back with status 200:

    moderation  {"photo": {"base64": "…"}}        {"result": {"scores": {"nudity": 0.02}}, …}
    faces       {"photo": {"base64": "…"}}        {"result": [{"box": {"left": 0.1, "top": 0.2, "width": 0.3,
                                                               "height": 0.4}, "confidence": 0.99}], …}
    text        {"photo": {"base64": "…"}}        {"result": [{"text": "Hello", "confidence": 0.98}], …}
    labels      {"photo": {"base64": "…"}}        {"result": [{"name": "dog", "confidence": 0.98}], …}
    embedding   {"texts": ["a", "b"]}             {"result": [[0.1, 0.2], [0.3, 0.4]], …}
    predict     {"instances": [{"age": 41}]}      {"result": [0.83], …}

In place of … stand ``"model": "name"`` and ``"version": "1.2"``, both optional; without a version it is "unreported".
Scores and confidences are 0 to 1, boxes fractions of the displayed picture (EXIF orientation applied), origin top
left; lists of texts and instances are answered by lists of the same length and order. A prediction has any form of
``chalicelib.predictions``, and its list may be called ``predictions`` instead of ``result``: that is what TensorFlow
Serving, KServe v1, MLflow and Vertex AI containers answer to ``instances``; ``classes`` in the stage file names what
they only number. With ``references: true`` a photo in S3 is
sent as ``{"photo": {"s3": "s3://bucket/key", "version": "…" or null, "etag": "…"}}``: the server reads it itself.

A whole server of this form:

    import json
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result = [{"value": 0.1 * item["age"]} for item in asked["instances"]]
            answer = json.dumps({"result": result, "model": "age", "version": "1"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    HTTPServer(("127.0.0.1", 9000), Handler).serve_forever()
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.asking import ANY_TIME, Answer, Asking
from chalicelib.errors import ProviderError
from chalicelib.providers import kserve, plain
from chalicelib.providers.http_settings import HttpSettings, Model, Server
from chalicelib.providers.json_client import JsonClient, Target


class Http:
    """Calls model servers. Safe to use from many threads."""

    MANAGED = True
    Settings = HttpSettings

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = HttpSettings.model_validate(settings)
        self._client = JsonClient(self.settings.attempts, self.settings.max_bytes)

    def moderation(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Moderation categories of a photo, as the server judges them."""
        return self._of_photo("moderation", photo, asking)

    def faces(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """The faces in a photo, most confident first."""
        return self._of_photo("faces", photo, asking)

    def text(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """The lines of text in a photo, in the server's order."""
        return self._of_photo("text", photo, asking)

    def labels(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """What a photo shows, in the server's order."""
        return self._of_photo("labels", photo, asking)

    def embedding(self, texts: list[str], asking: Asking = ANY_TIME) -> Answer:
        """One vector for each text, all of one length."""
        server = self._server("embedding")
        return self._plain("embedding", "embedding", server, {"texts": texts}, len(texts), asking)

    def predict(self, model: str, features: list[dict[str, Any]], asking: Asking = ANY_TIME) -> Answer:
        """One prediction for each item. Features that do not fit the model's tensors: ProviderError, refused."""
        configured = self.settings.models.get(model)
        if configured is None:
            raise _not_configured(f"models.{model}")
        if configured.tensors is None:
            content = {"instances": features}
            return self._plain("predict", f"models.{model}", configured, content, len(features), asking)
        return self._kserve(model, configured, configured.tensors, features, asking)

    def _of_photo(self, capability: str, photo: Any, asking: Asking) -> Answer:
        server = self._server(capability)
        content = {"photo": _referred(photo) if server.references else _inline(photo)}
        return self._plain(capability, capability, server, content, 1, asking)

    def _server(self, capability: str) -> Server:
        server: Server | None = getattr(self.settings, capability)
        if server is None:
            raise _not_configured(capability)
        return server

    def _plain(
        self, capability: str, place: str, server: Server | Model, content: Any, items: int, asking: Asking
    ) -> Answer:
        target = Target(self.settings.address(server), f"provider_settings.http.{place}", server.token_env)
        name, classes = place.removeprefix("models."), server.classes if isinstance(server, Model) else []

        def read(found: Any) -> plain.Read:
            return plain.read(capability, found, items, name, classes)

        return self._ask(target, content, asking, items, read)

    def _kserve(
        self, name: str, model: Model, tensors: kserve.Tensors, features: list[dict[str, Any]], asking: Asking
    ) -> Answer:
        def read(content: Any) -> plain.Read:
            return kserve.read(tensors, content, len(features), asked, model.version)

        asked = model.model or name
        url = self.settings.address(model).rstrip("/") + kserve.infer_path(asked, model.version)
        target = Target(url, f"provider_settings.http.models.{name}", model.token_env)
        return self._ask(target, kserve.infer_body(tensors, features), asking, len(features), read)

    def _ask(
        self, target: Target, content: Any, asking: Asking, units: int, read: Callable[[Any], plain.Read]
    ) -> Answer:
        limit = min(self.settings.timeout, asking.left())
        if limit <= 0:
            raise ProviderError(f"{target.place}: no time is left to ask", code="timeout", attempts=0)
        answered, attempts = self._client.post(target, content, limit)
        try:
            result, model, version = read(answered)
        except ProviderError as error:
            raise ProviderError(f"{target.place}: {error}", error.code, attempts) from None
        return Answer(result, model, version, units, attempts)


def _not_configured(place: str) -> ProviderError:
    message = f"the stage file names no server under provider_settings.http.{place}"
    return ProviderError(message, code="not-configured", attempts=0)


def _inline(photo: Any) -> dict[str, Any]:
    return {"base64": base64.b64encode(photo.read()).decode()}


def _referred(photo: Any) -> dict[str, Any]:
    stored = getattr(photo, "s3", None)
    if stored is None:
        return _inline(photo)
    return {"s3": f"s3://{stored.bucket}/{stored.key}", "version": stored.version, "etag": stored.etag}
