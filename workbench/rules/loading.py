"""Rules whose problems are found when the exported code is loaded, or by the build; documented here."""

from __future__ import annotations

from workbench.rules.catalogue import elsewhere

elsewhere(
    "load",
    """Exported code can be imported.

    It runs once when the service loads it, so what raises here would raise there.

    Bad:
        BROKEN = 1 / 0
    """,
)
elsewhere(
    "model-missing",
    """`Request` and `Decision` are pydantic models.

    The API, its documentation and the record are made from them.

    Bad:
        Request = dict
    """,
)
elsewhere(
    "annotation",
    """Every annotation of a step can be evaluated.

    Bad:
        @task(timeout=5)
        def faces(photo: Photo, models) -> "list[faces_max.kind]":
            return models.faces(photo)
    """,
)
elsewhere(
    "parameters",
    """A parameter's default fits its annotation, strictly, as JSON.

    So does every value that a stage gives.

    Bad:
        share_max: float = "0.5"
    """,
)
elsewhere(
    "fallback",
    """A task's fallback is a value that the task could return.

    Bad:
        @task(fallback="nobody")
        def people(photo: Photo, models) -> int:
            return 1


        def decide(people: int, crowded: bool) -> Decision:
            return Decision(outcome="review" if crowded else "approve")
    """,
)
elsewhere(
    "decide-returns",
    """`decide` is annotated to return `Decision`.

    Bad:
        def decide(crowded: bool) -> str:
            return "review" if crowded else "approve"
    """,
)
elsewhere(
    "decide-task",
    """`decide` is logic, not a task.

    Decisions are recomputed from recorded facts.

    Bad:
        @task(timeout=5)
        def decide(crowded: bool) -> Decision:
            return Decision(outcome="review" if crowded else "approve")
    """,
)
elsewhere(
    "subject",
    """At most one field of `Request` is the `Subject`.

    It is whose decision this is: history is looked up by it.

    Bad:
        class Request(BaseModel):
            user_id: Subject
            other_id: Subject
            photo: Photo
    """,
)
elsewhere(
    "history",
    """Where a task asks for `history`, a field of `Request` is the `Subject`.

    Otherwise nobody knows whose past it is.

    Bad:
        class Request(BaseModel):
            user_id: str
            photo: Photo


        @task(timeout=5)
        def faces(photo: Photo, models, history) -> list[Face]:
            return models.faces(photo)

    Good:
        class Request(BaseModel):
            user_id: Subject
            photo: Photo


        @task(timeout=5)
        def faces(photo: Photo, models, history) -> list[Face]:
            return models.faces(photo)
    """,
)
elsewhere(
    "request-record",
    """No field of `Request` is excluded from the record.

    A request is stored as validated, so that every decision can be explained and replayed.

    Bad:
        from pydantic import Field


        class Request(BaseModel):
            user_id: Subject
            photo: Photo
            note: str = Field("", exclude=True)
    """,
)
elsewhere(
    "sensitive",
    """Neither the `Subject`, nor `outcome`, nor a `Photo`, nor the keys of a dict are `Sensitive`.

    Decisions are looked up by the first two, which takes plain text. Of a photo only its digest is stored, and where
    it lies, which is needed to erase it. Instead of the keys mark the dict: `Sensitive[dict[str, int]]`.

    Bad:
        from chalicelib.usecase import Sensitive


        class Request(BaseModel):
            user_id: Sensitive[Subject]
            photo: Photo

    Good:
        from chalicelib.usecase import Sensitive


        class Request(BaseModel):
            user_id: Subject
            photo: Photo
            phone: Sensitive[str] = ""
    """,
)
elsewhere("notebook", "A file `*.ipynb` in `usecases/` is a notebook of nbformat 4 in Python, in UTF-8, with cells.")
elsewhere(
    "module-name",
    """Every notebook makes a module of its own.

    Its file name is `[a-z][a-z0-9_]*.ipynb`. Of two notebooks that would make one module neither is built.
    """,
)
elsewhere(
    "price-list",
    "`usecases/pricing.yaml` names known providers and operations, each with `usd`, `per`, `source` and `date`.",
)
elsewhere("stage-file", "A stage file is YAML with known keys, known providers and use cases that there are.")
elsewhere(
    "stage-parameters",
    """A stage overrides parameters that there are, with values that fit their annotations, strictly.

    `"0.8"` is no float, `true` is no int.
    """,
)
elsewhere(
    "edited",
    """A generated module is as the build wrote it.

    An edit in `chalicelib/usecases/` would be lost with the next build, so the build leaves that module alone and
    shows what was edited. Make the edit in the notebook, or discard it with `artemis build --force`.
    """,
)
