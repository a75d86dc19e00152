"""What Cloud Vision says about a photo, in neutral terms. The names of fields are those of ``google.cloud.vision.v1``.

Safe search answers in words, which its documentation calls buckets of likelihood, stable across model upgrades; it
gives no numbers for them. Here they are places on a scale with a third of doubt in its middle, not probabilities:

    VERY_UNLIKELY 0.05, UNLIKELY 0.20   nothing to look at: at or below a usual "clear" threshold
    POSSIBLE      0.50                  neither one nor the other: a person should look
    LIKELY        0.75                  a person should look; not sure enough to reject without one
    VERY_LIKELY   0.95                  sure
    UNKNOWN                             the category is absent: a number would look like an answer

    adult -> "nudity", racy -> "suggestive", violence -> "violence", spoof -> "spoof"

``medical`` has no neutral name: it is how likely the picture is a medical one, an X-ray as much as a wound.

The functions take the bare protobuf message: its proto-plus wrapper makes an object of each of a page's letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from chalicelib.errors import ProviderError
from chalicelib.models import Box, Face, Label, Moderation, TextLine

LIKELIHOODS = {1: 0.05, 2: 0.20, 3: 0.50, 4: 0.75, 5: 0.95}  # the enum Likelihood, whose 0 is UNKNOWN
CATEGORIES = {"adult": "nudity", "racy": "suggestive", "violence": "violence", "spoof": "spoof"}
SPACE, SURE_SPACE, EOL_SURE_SPACE, HYPHEN, LINE_BREAK = range(1, 6)  # TextAnnotation.DetectedBreak.BreakType
AFTER = {SPACE: " ", SURE_SPACE: " ", EOL_SURE_SPACE: "\n", HYPHEN: "-\n", LINE_BREAK: "\n"}
DIGITS = 4  # decimals of a score, as other providers give


def moderation(answer: Any) -> Moderation:
    """The categories that safe search judged. Raises ProviderError when it judged none."""
    found = answer.safe_search_annotation
    likelihoods = {ours: getattr(found, theirs) for theirs, ours in CATEGORIES.items()}
    scores = {name: LIKELIHOODS[value] for name, value in likelihoods.items() if value in LIKELIHOODS}
    if not scores:
        raise ProviderError("Vision judged none of the moderation categories", code="bad-answer")
    return Moderation(scores=scores)


def faces(answer: Any, width: int, height: int) -> list[Face]:
    """The faces of a picture of this size in pixels, most confident first.

    The box is ``fd_bounding_poly``, which encloses the face's skin, as other providers' boxes do; the wider
    ``bounding_poly``, which frames the head, only where that is missing.
    """
    found = [
        Face(box=_box(face, width, height), confidence=_fraction(face.detection_confidence))
        for face in answer.face_annotations
    ]
    return sorted(found, key=lambda face: (-face.confidence, face.box.left, face.box.top))


def labels(answer: Any) -> list[Label]:
    """What the picture shows, most confident first. ``score`` it is; Vision's own ``confidence`` is out of use."""
    found = [
        Label(name=entity.description.lower(), confidence=_fraction(entity.score))
        for entity in answer.label_annotations
        if entity.description
    ]
    return sorted(found, key=lambda label: (-label.confidence, label.name))


def text(answer: Any, unreported: float | None) -> list[TextLine]:
    """The lines of text in Vision's reading order; a line's confidence is the mean of its words'.

    Args:
        unreported: the confidence of a line about which Vision says none. It leaves them out when it is not asked
            for them, and protobuf cannot tell a zero from nothing.

    Raises:
        ProviderError: "bad-answer" when a confidence is missing and ``unreported`` is None.
    """
    pages = answer.full_text_annotation.pages
    if not pages and answer.text_annotations:  # the first of them is the whole text, the others its words
        whole = answer.text_annotations[0].description
        lines = [(line, 0.0) for line in whole.splitlines()]
    else:
        lines = [line for page in pages for line in _page(page)]
    return [_line(content, confidence, unreported) for content, confidence in lines if content.strip()]


def _line(content: str, confidence: float, unreported: float | None) -> TextLine:
    if confidence == 0:
        if unreported is None:
            raise ProviderError(
                "Vision read text and does not say how sure it is; unreported_confidence in the provider's settings "
                "can say what such a line counts for",
                code="bad-answer",
            )
        confidence = unreported
    return TextLine(text=content.strip(), confidence=_fraction(confidence))


def _page(page: Any) -> Iterator[tuple[str, float]]:
    """The lines of a page with their confidence; 0 where none is given."""
    for block in page.blocks:
        for paragraph in block.paragraphs:
            yield from _paragraph(paragraph, paragraph.confidence or block.confidence or page.confidence)


def _paragraph(paragraph: Any, usual: float) -> Iterator[tuple[str, float]]:
    """Its lines. Its end ends a line, whether or not its last symbol says so."""
    content, sure = "", list[float]()
    for word in paragraph.words:
        for index, piece in enumerate(_word(word).split("\n")):
            if index:
                yield content, _mean(sure)
                content, sure = "", []
            content += piece
            if piece and (word.confidence or usual):
                sure.append(word.confidence or usual)
    yield content, _mean(sure)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _word(word: Any) -> str:
    """A word with what stands before and after its symbols."""
    signs = []
    for symbol in word.symbols:
        around = symbol.property.detected_break
        gap = AFTER.get(around.type_, "")
        signs += [gap, symbol.text] if around.is_prefix else [symbol.text, gap]
    return "".join(signs)


def _box(face: Any, width: int, height: int) -> Box:
    """In fractions; what lies outside the picture is cut off. A coordinate that is not there is 0 (protobuf)."""
    corners = face.fd_bounding_poly.vertices or face.bounding_poly.vertices
    if not corners:
        raise ProviderError("Vision found a face and does not say where", code="bad-answer")
    left, *_, right = sorted(_fraction(corner.x / width) for corner in corners)
    top, *_, bottom = sorted(_fraction(corner.y / height) for corner in corners)
    return Box(left=left, top=top, width=round(right - left, DIGITS), height=round(bottom - top, DIGITS))


def _fraction(value: float) -> float:
    """Within 0 and 1. Raises ProviderError for NaN and infinity."""
    if not isfinite(value):
        raise ProviderError(f"Vision answered {value}, which is no number", code="bad-answer")
    return round(min(1.0, max(0.0, float(value))), DIGITS)
