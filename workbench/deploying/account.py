"""The AWS account that is deployed to: who we are there, its clients, and their errors in our words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from workbench.shipping.errors import CannotShip


@dataclass(frozen=True)
class Account:
    """``number``: twelve digits."""

    number: str
    region: str
    session: Any

    @classmethod
    def here(cls) -> Account:
        """The one that the environment's credentials belong to. Raises CannotShip."""
        import boto3

        with told():
            session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # which botocore does not read
            if session.region_name is None:
                raise CannotShip("no AWS region is set: name one in AWS_REGION, or in a profile (AWS_PROFILE)")
            number = session.client("sts").get_caller_identity()["Account"]
        return cls(number, session.region_name, session)

    @cache  # noqa: B019  one account for a command
    def client(self, service: str) -> Any:
        """boto3's client of a service."""
        return self.session.client(service)


@contextmanager
def told() -> Iterator[None]:
    """What AWS, or the way to it, refuses becomes CannotShip."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        raise CannotShip(f"{error.operation_name}: {said.get('Code')}: {said.get('Message')}") from None
    except BotoCoreError as error:
        raise CannotShip(f"AWS cannot be asked: {str(error).rstrip('.')}") from None
    except ResponseParserError:
        raise CannotShip("what answers is not AWS, or is out of order: is there a proxy in between?") from None


def code_of(error: Any) -> str:
    """The code of botocore's ClientError, such as ``404`` or ``ValidationError``."""
    return str(error.response.get("Error", {}).get("Code"))
