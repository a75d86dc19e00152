"""The bucket of what is deployed: code and templates by their digests, and what is kept of each version.

Nothing in it is deleted: a rollback finds everything as it was.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

from workbench.deploying.account import Account, code_of, told
from workbench.shipping.errors import CannotShip

MISSING = ("404", "NoSuchKey", "NotFound", "NoSuchBucket")


class Bucket:
    """A bucket of ``account``; one of that name that is somebody else's is never written to, or read."""

    def __init__(self, account: Account, name: str) -> None:
        self.name, self.region, self._s3 = name, account.region, account.client("s3")
        self._mine = {"Bucket": name, "ExpectedBucketOwner": account.number}

    def prepare(self) -> None:
        """Makes it where it is not there: private, with versions, over TLS only. Raises CannotShip."""
        from botocore.exceptions import ClientError

        try:
            self._s3.head_bucket(**self._mine)
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise CannotShip(f"the bucket {self.name} is not ours to use ({code_of(error)})") from None
            with told():
                self._make()

    def _make(self) -> None:
        # S3 refuses the one region that needs no constraint
        place = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        self._s3.create_bucket(Bucket=self.name, **({"CreateBucketConfiguration": place} if place else {}))
        blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self._s3.put_public_access_block(**self._mine, PublicAccessBlockConfiguration=dict.fromkeys(blocked, True))
        self._s3.put_bucket_versioning(**self._mine, VersioningConfiguration={"Status": "Enabled"})
        self._s3.put_bucket_policy(**self._mine, Policy=json.dumps(_tls_only(self.name)))

    def put(self, key: str, content: bytes) -> str:
        """Writes an object; returns its key. Raises CannotShip."""
        digest = b64encode(sha256(content).digest()).decode()
        with told():
            self._s3.put_object(**self._mine, Key=key, Body=content, ChecksumSHA256=digest)
        return key

    def put_once(self, folder: str, content: bytes, suffix: str) -> str:
        """Under the content's digest, unless it is there; returns the key. Raises CannotShip."""
        key = f"{folder}/{sha256(content).hexdigest()}{suffix}"
        with told():
            if not self.has(key):
                self.put(key, content)
        return key

    def has(self, key: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._s3.head_object(**self._mine, Key=key)
        except ClientError as error:
            if code_of(error) in MISSING:
                return False
            raise
        return True

    def get(self, key: str) -> bytes | None:
        """An object's content; None where there is none. Raises CannotShip."""
        from botocore.exceptions import ClientError

        with told():
            try:
                content: bytes = self._s3.get_object(**self._mine, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise
        return content

    def keys(self, prefix: str) -> list[str]:
        """All that begin so, in order. Raises CannotShip."""
        with told():
            pages = self._s3.get_paginator("list_objects_v2").paginate(**self._mine, Prefix=prefix)
            return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def url(self, key: str) -> str:
        """As CloudFormation takes it."""
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"https://{self.name}.s3.{self.region}.{suffix}/{key}"


def _tls_only(name: str) -> dict[str, Any]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
