"""A stage's CloudFormation stack: what state it is in, and bringing it to a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from workbench.deploying.account import Account, told
from workbench.shipping.errors import CannotShip

# A creation that failed leaves a stack with nothing in it, which can only be deleted.
NEVER_WAS = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]  # roles; the SAM transform
PATIENCE = {"Delay": 5, "MaxAttempts": 360}  # half an hour
DONE = "No updates are to be performed"


@dataclass(frozen=True, slots=True)
class State:
    """What CloudFormation says of a stack."""

    status: str
    parameters: dict[str, str]


class Stack:
    """The stack ``name`` of an account."""

    def __init__(self, account: Account, name: str) -> None:
        self.name, self._client = name, account.client("cloudformation")

    def state(self) -> State | None:
        """None where there is no such stack. Raises CannotShip."""
        from botocore.exceptions import ClientError

        with told():
            try:
                (found,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
            except ClientError as error:
                if "does not exist" in str(error):
                    return None
                raise
        if found["StackStatus"] == "DELETE_COMPLETE":
            return None
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", ())}
        return State(found["StackStatus"], parameters)

    def usable(self) -> State | None:
        """Its state, once it can be brought to a template. Raises CannotShip with what to do where it cannot."""
        state = self.state()
        if state is None or state.status in NEVER_WAS:
            return None
        if state.status.endswith("_IN_PROGRESS"):
            raise CannotShip(f"the stack {self.name} is being changed ({state.status}): wait until that is over")
        if state.status == "UPDATE_ROLLBACK_FAILED":
            hint = f"aws cloudformation continue-update-rollback --stack-name {self.name}"
            raise CannotShip(f"the stack {self.name} is stuck (UPDATE_ROLLBACK_FAILED): see its events, then `{hint}`")
        if state.status == "DELETE_FAILED":
            raise CannotShip(f"the stack {self.name} could not be deleted: see its events, and delete it again")
        return state

    def bring(self, template_url: str, parameters: Mapping[str, str]) -> None:
        """Creates or updates it, and waits for the end. Raises CannotShip with what failed; then it is as before."""
        state = self.usable()
        if state is None:
            self._remove_what_never_was()
            self._change(self._client.create_stack, "stack_create_complete", template_url, parameters)
        else:
            self._change(self._client.update_stack, "stack_update_complete", template_url, parameters)

    def _remove_what_never_was(self) -> None:
        if self.state() is not None:
            with told():
                self._client.delete_stack(StackName=self.name)
                self._client.get_waiter("stack_delete_complete").wait(StackName=self.name, WaiterConfig=PATIENCE)

    def _change(
        self, change: Callable[..., Any], waiter: str, template_url: str, parameters: Mapping[str, str]
    ) -> None:
        from botocore.exceptions import ClientError, WaiterError

        token = f"artemis-{uuid4()}"
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        about = {"StackName": self.name, "TemplateURL": template_url, "Parameters": given, "ClientRequestToken": token}
        with told():
            try:
                change(**about, Capabilities=CAPABILITIES)
                self._client.get_waiter(waiter).wait(StackName=self.name, WaiterConfig=PATIENCE)
            except ClientError as error:
                if DONE not in str(error):
                    raise
            except WaiterError:
                raise CannotShip(*self._failures(token)) from None

    def _failures(self, token: str) -> list[str]:
        """The resources that failed, the first first: what follows is cancelled for their sake."""
        events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        failed = [
            f"{event['LogicalResourceId']} ({event.get('ResourceType')}): {event.get('ResourceStatusReason')}"
            for event in reversed(events)
            if event.get("ClientRequestToken") == token
            and event["ResourceStatus"].endswith("FAILED")
            and "cancelled" not in event.get("ResourceStatusReason", "")
        ]
        return [f"the stack {self.name} could not be changed, and is as it was:", *failed[:5]]
