"""Cloud Vision's gRPC service, answered by the local models.

    with VisionEmulator() as emulator:
        GoogleVision({"endpoint": emulator.url})
        emulator.canned = {"label_annotations": [{"description": "Dog", "score": 0.9}]}   an AnnotateImageResponse
        emulator.calls      [{"operation": "BatchAnnotateImages", "features": ["FACE_DETECTION"], "bytes": 65312}]

The port is that of a relay in front of the gRPC server, which can do what a gRPC server cannot: reset connections.
The local models give what they can; labels are made up from it ("person" where there is a face). Faces are in pixels
of the picture as stored, or as displayed when ``oriented`` is True: what Vision does is not documented.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Any

import grpc
from google.cloud import vision
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from PIL import Image, ImageOps

from chalicelib.providers.local import Local
from tests.emulators.faults import Delay, Fault, Faults, Garbage, Refuse, Reset, Status, WrongSchema
from tests.emulators.relay import Relay
from tests.emulators.server import LOOPBACK

SERVICE, METHOD = "google.cloud.vision.v1.ImageAnnotator", "BatchAnnotateImages"
NO_MESSAGE = b"\xff\xff\xff no protobuf"
STATUSES = {  # HTTP status -> code. https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
# The highest nudity score of the local model -> the likelihood that Vision would put it in.
LIKELIHOODS = ((0.1, 1), (0.35, 2), (0.65, 3), (0.8, 4), (1.0, 5))


class VisionEmulator:
    """The server. ``latency``: seconds before each answer. ``calls``: what was asked, in the order of arrival."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None, oriented: bool = False) -> None:
        self.faults, self.latency, self.oriented = Faults(), 0.0, oriented
        self.calls: list[dict[str, Any]] = []
        self.canned: dict[str, Any] | None = None
        self._credentials, self._closing = credentials, Event()
        self._seen, self._seeing = dict[tuple[bytes, str], Any](), Lock()
        self._server: grpc.Server | None = None
        self._relay: Relay | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        if self._relay is None:
            raise RuntimeError("not started: use it as a context manager")
        return self._relay.port

    @property
    def url(self) -> str:
        """Its base URL; gRPC needs the host and the port of it."""
        return f"{'https' if self._credentials else 'http'}://{LOOPBACK}:{self.port}"

    def count(self, operation: str = METHOD) -> int:
        """How often an operation was asked for."""
        return sum(call["operation"] == operation for call in self.calls)

    def __enter__(self) -> VisionEmulator:
        handler = grpc.unary_unary_rpc_method_handler(
            self._batch, vision.BatchAnnotateImagesRequest.deserialize, _serialized
        )
        self._server = grpc.server(ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
        address = f"{LOOPBACK}:0"
        if self._credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, self._credentials)
        self._server.start()
        self._relay = Relay(port)
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        if self._relay and self._server:
            self._relay.close()
            self._server.stop(None).wait(5)

    def _batch(self, request: Any, context: grpc.ServicerContext) -> Any:
        metadata = dict(context.invocation_metadata())
        for one in request.requests:
            features = [vision.Feature.Type(feature.type_).name for feature in one.features]
            self.calls.append({"operation": METHOD, "features": features, "bytes": len(one.image.content)})
            if "authorization" in metadata:
                self.calls[-1]["authorization"] = metadata["authorization"].split()[0]
        fault = self.faults.next()
        self._closing.wait(self.latency + (fault.seconds if isinstance(fault, Delay) else 0))
        spoilt = self._spoilt(fault, context)
        if spoilt is not None:
            return spoilt
        return vision.BatchAnnotateImagesResponse(responses=[self._answer(one) for one in request.requests])

    def _spoilt(self, fault: Fault | None, context: grpc.ServicerContext) -> Any:
        if isinstance(fault, Status):
            context.abort_with_status(rpc_status.to_status(_status(fault)))
        if isinstance(fault, Reset):
            context.send_initial_metadata(())
            self._closing.wait(0.02)  # until it has gone through the relay
        if isinstance(fault, (Refuse, Reset)) and self._relay:
            self._relay.reset()
        if isinstance(fault, WrongSchema):
            return vision.BatchAnnotateImagesResponse()
        return NO_MESSAGE if isinstance(fault, Garbage) else None

    def _answer(self, request: Any) -> Any:
        if self.canned is not None:
            return vision.AnnotateImageResponse(self.canned)
        answer: dict[str, Any] = {}
        photo = _Stored(request.image.content, self.oriented)
        for feature in request.features:
            answer |= MAKERS[vision.Feature.Type(feature.type_).name](self, photo)
        return vision.AnnotateImageResponse(answer)

    def _local(self, capability: str, photo: _Stored) -> Any:
        """What the local model finds; it is asked once about a photo."""
        with self._seeing:
            key = photo.content, capability
            if key not in self._seen:
                self._seen[key] = getattr(Local(), capability)(photo).result
            return self._seen[key]

    def _safe_search(self, photo: _Stored) -> dict[str, Any]:
        nudity = self._local("moderation", photo).score("nudity")
        adult = next(likelihood for highest, likelihood in LIKELIHOODS if nudity <= highest)
        return {"safe_search_annotation": {"adult": adult, "racy": adult, "violence": 1, "spoof": 1, "medical": 1}}

    def _faces(self, photo: _Stored) -> dict[str, Any]:
        faces = self._local("faces", photo)
        return {"face_annotations": [_face(face, *photo.image().size) for face in faces]}

    def _text(self, photo: _Stored) -> dict[str, Any]:
        lines = self._local("text", photo)
        if not lines:
            return {}
        whole = "\n".join(line.text for line in lines)
        paragraphs = [{"words": _words(line)} for line in lines]
        page = {"width": photo.image().width, "height": photo.image().height, "blocks": [{"paragraphs": paragraphs}]}
        return {
            "full_text_annotation": {"pages": [page], "text": whole},
            "text_annotations": [{"description": whole}, *({"description": word} for word in whole.split())],
        }

    def _labels(self, photo: _Stored) -> dict[str, Any]:
        named = {"Photograph": 0.9}
        named |= {"Person": 0.95} if self._local("faces", photo) else {}
        named |= {"Font": 0.8} if self._local("text", photo) else {}
        return {"label_annotations": [{"description": name, "score": score} for name, score in named.items()]}


MAKERS = {
    "SAFE_SEARCH_DETECTION": VisionEmulator._safe_search,
    "FACE_DETECTION": VisionEmulator._faces,
    "TEXT_DETECTION": VisionEmulator._text,
    "LABEL_DETECTION": VisionEmulator._labels,
}


class _Stored:
    """A picture as the models are to see it."""

    def __init__(self, content: bytes, oriented: bool) -> None:
        picture = Image.open(io.BytesIO(content))
        self.content = content
        self._picture = (ImageOps.exif_transpose(picture) if oriented else picture).convert("RGB")

    def image(self) -> Any:
        return self._picture


def _face(face: Any, width: int, height: int) -> dict[str, Any]:
    """Four corners in pixels, from the top left clockwise. Around the face, which is tight, the head."""
    box, pixels = face.box, []
    for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)):
        pixels.append(((box.left + x * box.width) * width, (box.top + y * box.height) * height))
    tight = [{"x": round(x), "y": round(y)} for x, y in pixels]
    wide = [{"x": round(x + dx), "y": round(y + dy)} for (x, y), (dx, dy) in zip(pixels, WIDER, strict=True)]
    return {
        "fd_bounding_poly": {"vertices": tight},
        "bounding_poly": {"vertices": wide},
        "detection_confidence": face.confidence,
    }


WIDER = ((-9, -9), (9, -9), (9, 9), (-9, 9))


def _words(line: Any) -> list[dict[str, Any]]:
    words = line.text.split()
    return [
        {"symbols": _symbols(word, 5 if place == len(words) else 1), "confidence": line.confidence}
        for place, word in enumerate(words, 1)
    ]


def _symbols(word: str, after: int) -> list[dict[str, Any]]:
    symbols: list[dict[str, Any]] = [{"text": sign} for sign in word]
    symbols[-1]["property"] = {"detected_break": {"type_": after}}
    return symbols


def _status(fault: Status) -> Any:
    status = status_pb2.Status(
        code=STATUSES[fault.status].value[0], message="as the test wants it, for project secret-project-42"
    )
    if fault.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(fault.retry_after * 1e9))
        wrapped = any_pb2.Any()
        wrapped.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        status.details.append(wrapped)
    return status


def _serialized(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else vision.BatchAnnotateImagesResponse.serialize(answer)
