"""What a task may ask of models: the capabilities, their results, and the call record.

A task receives ``models`` and asks for a capability; which provider answers is the stage's
business. Results are provider-neutral: scores and confidences are 0 to 1, boxes are fractions of
the picture as it is displayed (EXIF orientation applied), origin top left. Each call is noted
with the provider, model and version that answered, and is stored with the fact.

Every result says who gave it: ``result.source``. Of a :class:`Moderation` or a :class:`Prediction` it is recorded
with the result, so that logic may depend on it; a list (faces, text, labels, embeddings, rows) has it in the task only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, overload

from pydantic import BaseModel, Field

from chalicelib.errors import ProviderError
from chalicelib.photo import Photo
from chalicelib.questions import Question

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

    def score(self, name: str) -> float:
        """The probability of a class. Raises ProviderError when the model has no such class, or gives none at all."""
        if name not in self.scores:
            known = ", ".join(sorted(self.scores)) or "none, only a value"
            raise ProviderError(f"the model gives no probability of {name!r}; the classes it has: {known}")
        return self.scores[name]


class Models:
    """The capabilities, as a task is given them: bound to the stage's providers and to this task.

    Every method raises ProviderError when nobody can answer.

    Args:
        ask: question -> results, one for each item, and who gave them.
    """

    __slots__ = ("_ask",)

    def __init__(self, ask: Callable[[Question], tuple[list[Any], ModelSource]]) -> None:
        self._ask = ask

    def moderation(self, photo: Photo) -> Moderation:
        """How far a photo falls into each moderation category."""
        (result,), source = self._ask(_about("moderation", photo))
        return Moderation(scores=result.scores, source=source)

    def faces(self, photo: Photo) -> list[Face]:
        """Every face found in a photo, most confident first; an empty list when there is none."""
        faces: list[Face] = self._found(_about("faces", photo))
        return faces

    def text(self, photo: Photo) -> list[TextLine]:
        """The lines of text in a photo, in reading order; an empty list when there is none."""
        lines: list[TextLine] = self._found(_about("text", photo))
        return lines

    def labels(self, photo: Photo) -> list[Label]:
        """What a photo shows, most confident first."""
        labels: list[Label] = self._found(_about("labels", photo))
        return labels

    @overload
    def embedding(self, text: str) -> list[float]: ...  # type: ignore[overload-overlap]  # a str is a Sequence[str]
    @overload
    def embedding(self, text: Sequence[str]) -> list[list[float]]: ...
    def embedding(self, text: str | Sequence[str]) -> Any:
        """A text as a vector, or each of a list of texts; which length it has is the model's business."""
        texts = (text,) if isinstance(text, str) else tuple(text)
        for one in texts:
            _expect(one, str, "embedding", "a text, or a list of texts")
        if not texts:
            return Found()
        results, source = self._ask(Question("embedding", texts))
        return _found(results[0] if isinstance(text, str) else results, source)

    @overload
    def predict(self, model: str, features: Mapping[str, Any]) -> Prediction: ...
    @overload
    def predict(self, model: str, features: Sequence[Mapping[str, Any]]) -> list[Prediction]: ...
    def predict(self, model: str, features: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        """What ``model`` predicts for one item, a mapping of feature names to values, or for each of a list.

        ``model`` is a name of your own; the stage file says which endpoint or file it stands for.
        """
        single = isinstance(features, Mapping)
        items = (features,) if isinstance(features, Mapping) else tuple(features)
        for one in items:
            _expect(one, Mapping, "predict", "a mapping of feature names to values, or a list of those")
        if not items:
            return Found()
        results, source = self._ask(Question("predict", tuple(map(dict, items)), model))
        predictions = [Prediction(value=one.value, scores=one.scores, source=source) for one in results]
        return predictions[0] if single else _found(predictions, source)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a read-only query, each a dict. Values go in as ``@name`` parameters, never into the text."""
        _expect(sql, str, "query", "SQL text")
        rows: list[dict[str, Any]] = self._found(Question("query", ((sql, dict(parameters or {})),)))
        return rows

    def _found(self, question: Question) -> Any:
        (result,), source = self._ask(question)
        return _found(result, source)


def _found(results: list[Any], source: ModelSource) -> Found[Any]:
    found: Found[Any] = Found(results)
    found.source = source
    return found


def _about(capability: str, photo: Any) -> Question:
    _expect(photo, Photo, capability, "a photo of the request")
    return Question(capability, (photo,))


def _expect(value: Any, kind: type, capability: str, wanted: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"models.{capability} takes {wanted}, not {type(value).__name__}")
