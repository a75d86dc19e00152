"""What a task may ask of models: the capabilities, their results, and the call record.

A task receives ``models`` and asks for a capability; which provider answers is the stage's
business. Results are provider-neutral: scores and confidences are 0 to 1, boxes are fractions of
the picture as it is displayed (EXIF orientation applied), origin top left. Each call is noted
with the provider, model and version that answered, and is stored with the fact.

Every result says who gave it: ``result.source``. Of a :class:`Moderation` or a :class:`Prediction` it is recorded
with the result, so that logic may depend on it; a list (faces, text, labels, embeddings, rows) has it in the task only.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field

from chalicelib.asking import Answer, Call
from chalicelib.errors import ProviderError

CAPABILITIES = ("moderation", "faces", "text", "labels", "embedding", "predict", "query")

T = TypeVar("T")
Fraction = Annotated[float, Field(ge=0, le=1)]


class ModelSource(BaseModel):
    """Who gave a result: the provider's name, its model and the version it reported ("unreported" if it does not)."""

    provider: str
    model: str
    version: str


class Found(list[T]):
    """A list of results, and in the task who gave it: ``source``. It is recorded as a plain list."""

    source: ModelSource | None = None


class Moderation(BaseModel):
    """How far a picture falls into each moderation category, 0 (not at all) to 1 (surely).

    The categories are named the same whoever answers; not every provider judges every one:
    "nudity", "suggestive", "violence", "disturbing", "drugs", "tobacco", "alcohol", "gambling", "hate", "rude",
    "spoof". See docs/models.md.
    """

    scores: dict[str, Fraction]
    source: ModelSource | None = None

    def score(self, category: str) -> float:
        """The score of ``category``, e.g. ``"nudity"``.

        Raises:
            ProviderError: the model that answered does not judge this category. Zero would look
                like an answer.
        """
        if category not in self.scores:
            known = ", ".join(sorted(self.scores)) or "nothing"
            raise ProviderError(f"the model does not judge {category!r}; it judges {known}")
        return self.scores[category]


class Box(BaseModel):
    """A rectangle in fractions of the picture's width and height, origin top left."""

    left: float
    top: float
    width: float
    height: float


class Face(BaseModel):
    """One face. ``box.height`` is its height as a fraction of the picture's height."""

    box: Box
    confidence: Fraction


class TextLine(BaseModel):
    """One line of text read in a picture, in reading order."""

    text: str
    confidence: Fraction


class Label(BaseModel):
    """Something that a picture shows. ``name``: English, lower case, e.g. "dog"; taxonomies differ by provider."""

    name: str
    confidence: Fraction


class Prediction(BaseModel):
    """What a model predicts for one item: a number or a class; ``scores`` are the classes' probabilities, if any."""

    value: float | str
    scores: dict[str, Fraction] = {}
    source: ModelSource | None = None


class Models:
    """The capabilities, bound to a stage's providers. A task gets one of its own.

    Args:
        provider: capability -> (provider's name, provider), created on first use.
    """

    __slots__ = ("_provider", "calls")

    def __init__(self, provider: Callable[[str], tuple[str, Any]]) -> None:
        self._provider = provider
        self.calls: list[Call] = []

    def moderation(self, photo: Any) -> Moderation:
        """Moderation categories of a photo. Raises ProviderError when nobody can answer."""
        result: Moderation = self._ask("moderation", photo)
        return result

    def faces(self, photo: Any) -> list[Face]:
        """Every face found in a photo, most confident first; an empty list when there is none."""
        result: list[Face] = self._ask("faces", photo)
        return result

    def text(self, photo: Any) -> list[TextLine]:
        """The lines of text in a photo; an empty list when there is none."""
        result: list[TextLine] = self._ask("text", photo)
        return result

    def _ask(self, capability: str, *arguments: Any) -> Any:
        name, provider = self._provider(capability)
        started = perf_counter()
        answer: Answer = getattr(provider, capability)(*arguments)
        ms = round((perf_counter() - started) * 1000, 3)
        self.calls.append(Call(capability, name, answer.model, answer.version, ms))
        return answer.result
