"""What a task may ask of models: the capabilities, their results, and the call record.

A task receives ``models`` and asks for a capability; which provider answers is the stage's
business. Results are provider-neutral: scores and confidences are 0 to 1, boxes are fractions of
the picture as it is displayed (EXIF orientation applied), origin top left. Each call is noted
with the provider, model and version that answered, and is stored with the fact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, Any

from pydantic import BaseModel, Field

from chalicelib.errors import ProviderError

CAPABILITIES = ("moderation", "faces", "text")

Fraction = Annotated[float, Field(ge=0, le=1)]


class Moderation(BaseModel):
    """How far a picture falls into each moderation category, 0 (not at all) to 1 (surely)."""

    scores: dict[str, Fraction]

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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider returns: the neutral result and which model, in which version, gave it."""

    result: Any
    model: str
    version: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a capability, as it is stored with the fact. ``ms`` is wall time."""

    capability: str
    provider: str
    model: str
    version: str
    ms: float


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
