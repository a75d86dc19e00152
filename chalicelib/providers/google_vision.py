"""Google Cloud Vision: safe search, faces, text and labels of a photo.

Capabilities that tasks of a decision ask for about the same photo at once are one BatchAnnotateImages call with
several features (see ``vision_batch``), which saves sending the photo again; each feature is charged for itself.

    vision_client    one call: client, deadline, retries, errors
    vision_results   its answer in neutral terms; there are the tables of likelihoods and categories

Vision reads no S3: a photo's bytes are sent, whatever its source. What it makes of an EXIF orientation is not
documented, and boxes would be in pixels of one picture or of the other; a photo that has one is sent upright.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from chalicelib.asking import ANY_TIME, Answer, Asking
from chalicelib.decode import FORMATS
from chalicelib.errors import ProviderError
from chalicelib.providers import vision_results as results
from chalicelib.providers.endpoint import Endpoint
from chalicelib.providers.vision_batch import Batches
from chalicelib.providers.vision_client import CODES, Reply, VisionClient

MAX_BYTES = 20 * 1024 * 1024  # https://cloud.google.com/vision/quotas; its 10 MB are for JSON, and this is gRPC
MOST = 50  # faces or labels asked for; unless asked, Vision gives 10
ORIENTATION, UPRIGHT = 0x0112, 1  # the EXIF tag, and its value for a picture that is stored as it is displayed

# capability -> the feature, and the member of the answer that holds it. TEXT_DETECTION is for photos, its sibling
# DOCUMENT_TEXT_DETECTION for dense pages.
FEATURES = {
    "moderation": ("SAFE_SEARCH_DETECTION", "safe_search_annotation"),
    "faces": ("FACE_DETECTION", "face_annotations"),
    "text": ("TEXT_DETECTION", "full_text_annotation"),
    "labels": ("LABEL_DETECTION", "label_annotations"),
}


def _host(endpoint: str) -> str:
    if urlsplit(endpoint).path:
        raise ValueError(
            'gRPC is spoken to a host, not to a path: give a URL such as "https://eu-vision.googleapis.com"'
        )
    return endpoint


class GoogleVision:
    """Moderation, faces, text and labels. Safe to call from many threads."""

    MANAGED = True
    UNVERSIONED = frozenset({"moderation", "faces", "text", "labels"})  # of these no version is reported

    class Settings(BaseModel, extra="forbid"):
        """What the stage file may say of it. Credentials are never among it."""

        endpoint: Annotated[Endpoint, AfterValidator(_host)] | None = Field(
            None, description='a regional or private endpoint ("https://eu-vision.googleapis.com"), or an emulator'
        )
        timeout: float = Field(5, gt=0, description="seconds that one attempt waits for the answer")
        attempts: int = Field(3, ge=1, le=10, description="calls at most, retries included")
        window_ms: float = Field(
            3, ge=0, le=100, description="milliseconds to wait for other tasks' questions about a photo; 0: never"
        )
        model: Literal["builtin/stable", "builtin/latest"] = Field(
            "builtin/stable", description="which of Vision's models answers"
        )
        unreported_confidence: float | None = Field(
            None, ge=0, le=1, description="of text about which Vision says no confidence; else that is a failure"
        )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = self.Settings.model_validate(settings or {})
        self._client = VisionClient(self.settings.endpoint, self.settings.timeout, self.settings.attempts)
        self._batches: Batches[Reply] = Batches(self._send, self.settings.window_ms / 1000)

    def moderation(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """The categories "nudity", "suggestive", "violence" and "spoof", in five steps."""
        return self._ask("moderation", photo, asking, results.moderation)

    def faces(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Every face that Vision finds, however faint, most confident first."""
        return self._ask("faces", photo, asking, lambda found: results.faces(found, photo.width, photo.height))

    def text(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Lines of text in Vision's reading order."""
        unreported = self.settings.unreported_confidence
        return self._ask("text", photo, asking, lambda found: results.text(found, unreported))

    def labels(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """What the photo shows, most confident first, in lower-case English."""
        return self._ask("labels", photo, asking, results.labels)

    def _ask(self, capability: str, photo: Any, asking: Asking, read: Callable[[Any], Any]) -> Answer:
        reply = self._batches.ask(photo, capability, asking.until, asking.company())
        _complain(capability, reply)
        try:
            result = read(reply.answer)
        except ProviderError as error:
            raise ProviderError(str(error), error.code, reply.attempts) from None
        return Answer(result, self.settings.model, attempts=reply.attempts)

    def _send(self, photo: Any, capabilities: frozenset[str], until: float) -> Reply:
        features = [
            {"type_": FEATURES[name][0], "max_results": MOST, "model": self.settings.model}
            for name in sorted(capabilities)
        ]
        return self._client.annotate(_content(photo), features, until)


def _complain(capability: str, reply: Reply) -> None:
    """Raise what Vision says went wrong. It may have part of the answer, and what is there is right."""
    answer, (_, member) = reply.answer, FEATURES[capability]
    there = bool(getattr(answer, member)) if member.endswith("s") else answer.HasField(member)
    if there:
        return
    if answer.error.code:
        code = CODES.get(answer.error.code, "failed")
        raise ProviderError(f"Vision could not answer {capability} (status {answer.error.code})", code, reply.attempts)
    if capability == "moderation":  # the others are left out when nothing is found
        raise ProviderError("Vision's answer lacks the moderation asked for", "bad-answer", reply.attempts)


def _content(photo: Any) -> bytes:
    """The encoded photo as Vision gets it. Raises ProviderError "refused" when it is too large for Vision."""
    _fits(photo.size)
    data: bytes = photo.read()
    if _orientation(data) == UPRIGHT:
        return data
    upright = io.BytesIO()
    photo.image().save(upright, "JPEG", quality=95)
    _fits(upright.tell())
    return upright.getvalue()


def _orientation(data: bytes) -> int:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=list(FORMATS)) as picture:  # reads the header only
            return int(picture.getexif().get(ORIENTATION, UPRIGHT))
    except Exception:  # Pillow raises many kinds; what it cannot read is Vision's to judge
        return UPRIGHT


def _fits(size: int) -> None:
    if size > MAX_BYTES:
        raise ProviderError(
            f"the photo has {size} bytes and Vision takes {MAX_BYTES} at most: send a smaller one, or let another "
            "provider answer",
            code="refused",
            attempts=0,
        )
