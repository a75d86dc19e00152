"""Where a stage is deployed to: its account, bucket, stack and function."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.deploying.account import Account
from workbench.deploying.bucket import Bucket
from workbench.deploying.function import Answer, Function
from workbench.deploying.kept import Kept, Versions
from workbench.deploying.smoke import KEY, PATIENCE, smoke
from workbench.deploying.stack import Stack, State
from workbench.deploying.templates import assembled
from workbench.project import Project
from workbench.shipping.stage import Deployed, read

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """One stage. ``tell`` hears what is being done."""

    project: Project
    deployed: Deployed
    account: Account
    bucket: Bucket
    stack: Stack
    function: Function
    versions: Versions
    tell: Tell

    @classmethod
    def of(cls, project: Project, stage: str, tell: Tell) -> Target:
        """Raises CannotShip, also where AWS does not know us."""
        deployed, account = read(project.root, stage), Account.here()
        name = deployed.options.bucket or f"{deployed.app}-deployments-{account.number}-{account.region}"
        bucket = Bucket(account, name)
        function = Function(account, deployed.function("api"))
        kept = Versions(bucket, stage)
        return cls(project, deployed, account, bucket, Stack(account, deployed.stack), function, kept, tell)

    @property
    def stage(self) -> str:
        return self.deployed.stage

    def live(self, state: State | None) -> str | None:
        """The version that requests reach; None: there is none."""
        return (state.parameters.get("LiveVersion") or None) if state else None

    def kept(self, version: str | None) -> Kept | None:
        """What is kept of a version. Raises CannotShip."""
        return self.versions.read(version) if version else None

    def bring(self, template: str, revision: str, live: str | None, beside: Kept | None = None) -> None:
        """Brings the stack to a template, by its key. ``beside``: a version that goes on running under it."""
        if beside is not None:
            also = self.bucket.get(beside.template)
            own = self.bucket.get(template)
            if own is not None and also is not None and (both := assembled(own, also)) != own:
                template = self.bucket.put_once(f"{self.stage}/templates", both, ".json")
        self.stack.bring(self.bucket.url(template), {"LiveVersion": live or "", "Revision": revision})

    def try_out(self, version: str, served: Mapping[str, str] | None) -> None:
        """The smoke test. Raises CannotShip."""

        def ask(event: Mapping[str, Any]) -> Answer:
            return self.function.ask(version, event)

        tried = smoke(ask, served, os.environ.get(KEY), PATIENCE)
        self.tell(f"version {version} answers as it should: {', '.join(tried)}")
