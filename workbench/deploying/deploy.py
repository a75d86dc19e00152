"""`artemis deploy`: the database, the code beside what is live, a try, and only then the traffic.

Each part may be done again: code and templates lie under their digests, the same code gives the same version, and a
stack that could not be changed is as it was. A deployment that broke off is simply run again.
"""

from __future__ import annotations

from workbench.deploying import database, records
from workbench.deploying.kept import Kept
from workbench.deploying.plan import Plan
from workbench.deploying.record import Record
from workbench.deploying.target import Target
from workbench.deploying.templates import with_code
from workbench.shipping.errors import CannotShip


def deploy(plan: Plan, url: str | None) -> Record:
    """Does what the plan says; the record says how it went, and is kept. What stops it otherwise is raised again.

    ``url``: the database to bring forward; None: somebody else does.
    """
    made: list[str] = []

    def record(seconds: float, error: str | None) -> Record:
        return plan.record(seconds, made[-1] if made else records.NOT_MADE, error)

    return records.recorded(plan.target, lambda: _deploy(plan, url, made), record)


def _deploy(plan: Plan, url: str | None, made: list[str]) -> None:
    target = plan.target
    _refuse_another(plan)
    if url is not None and plan.migration is not None and plan.migration.steps:
        target.tell(f"bringing {plan.migration.shown} forward")
        database.bring(url)
    target.bucket.prepare()
    target.tell(f"uploading {plan.packed.archive.stat().st_size / 1e6:.1f} MB")
    kept = _upload(plan)
    try:
        target.tell(f"bringing the stack {target.stack.name} to the new code; requests still reach {_named(plan.live)}")
        target.bring(kept.template, kept.revision, plan.live, plan.was)
        version = target.function.publish(kept.digest, f"{kept.revision[:12]} {kept.subject}")
        made.append(version)
        target.try_out(version, plan.served)
        target.versions.write(kept.model_copy(update={"version": version, "before": _before(plan, version)}))
        _refuse_another(plan)
        target.tell(f"sending requests to version {version}")
        target.bring(kept.template, kept.revision, version)
    except Overtaken:
        raise  # the stack is somebody else's by now
    except CannotShip as failure:
        raise _put_back(target, plan.was, failure) from None


class Overtaken(CannotShip):
    """Somebody else deployed since the plan was made."""


def _refuse_another(plan: Plan) -> None:
    """What is live is what the plan was made for. Raises Overtaken."""
    live = plan.target.live(plan.target.stack.usable())
    if live != plan.live:
        found, known = _named(live), _named(plan.live)
        raise Overtaken(f"meanwhile somebody else deployed: {found} is live, the plan is for {known}: run this again")


def _upload(plan: Plan) -> Kept:
    target, folder = plan.target, plan.target.stage
    code = target.bucket.put_once(f"{folder}/code", plan.packed.archive.read_bytes(), ".zip")
    template = with_code(plan.packed.template.read_bytes(), target.bucket.name, code)
    keys = {
        "template": target.bucket.put_once(f"{folder}/templates", template, ".json"),
        "sources": target.bucket.put_once(f"{folder}/sources", plan.sources, ".zip"),
    }
    return plan.kept.model_copy(update=keys)


def _before(plan: Plan, version: str) -> str | None:
    """What to go back to: of a version that is live already, what it says itself."""
    return plan.was.before if plan.was and plan.live == version else plan.live


def _put_back(target: Target, was: Kept | None, failure: CannotShip) -> CannotShip:
    """The stack as it was, for what is live runs under its roles. Where nothing is live, nothing has to be put back."""
    if was is None:
        return failure
    target.tell(f"putting the stack back as it was with version {was.version}")
    try:
        target.bring(was.template, was.revision, was.version)
    except CannotShip as second:
        hint = f"requests still reach version {was.version}; run `artemis deploy` again once the cause is gone"
        return CannotShip(*failure.reasons, f"and the stack could not be put back as it was: {second}", hint)
    return failure


def _named(version: str | None) -> str:
    return f"version {version}" if version else "nobody"
