"""What must not be committed with a recording: secrets, and which accounts were asked.

Accounts are replaced by ones that nobody has, so that what is left keeps its form. A number of twelve digits that
stands alone is let be: it may be anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from chalicelib.recordings import Recording
from workbench.secrets import secrets_in
from workbench.validation.keep import SECRET, SHORT

SCRUBBED = ("asked", "provider", "model", "version", "result")  # the digest is one of what is asked, and stays
NOBODY = "0" * 12
TWELVE = rf"(?<!\d)(?!{NOBODY})\d{{12}}(?!\d)"
# kind, what it looks like, what it becomes
FORMS = (
    ("AWS account", re.compile(rf"(?:(?<=amazonaws\.com/){TWELVE})|(?:{TWELVE}(?=[.-][\w.-]*amazonaws\.com))"), NOBODY),
    (
        "service account",
        re.compile(r"(?<![\w.-])(?!service-account@project)[\w.-]+@[\w.-]*gserviceaccount\.com"),
        "service-account@project.iam.gserviceaccount.com",
    ),
    (
        "Google Cloud project",
        re.compile(
            r"\bprojects/(?!project\b)[^/\s\"']+(?=/(?:locations|global|regions|zones|datasets|models|endpoints|secrets|topics"
            r"|subscriptions|serviceAccounts)\b)|^projects/(?!project$)[^/\s]+$"
        ),
        "projects/project",
    ),
    ("token", re.compile(r"\bya29\.[\w-]{10,}|(?<=Bearer )[\w.~+/-]{16,}=*"), "token"),
    (
        "signed address",
        re.compile(r"(?<=X-Amz-)(Signature|Credential|Security-Token)=(?!none\b)[^&\s\"']+"),
        r"\1=none",
    ),
)
ARN = re.compile(r"\barn:aws[\w-]*:[^\s\"']*")


class Scrubber:
    """Replaces what must not be committed. ``found``: kind -> how many were replaced; ``environment``: its secrets."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.found: Counter[str] = Counter()
        secret = {value: name for name, value in environment.items() if SECRET.search(name) and len(value) >= SHORT}
        self._secrets = sorted(secret.items(), key=lambda pair: -len(pair[0]))

    def recording(self, recording: Recording) -> Recording:
        """A recording without them; the same one where there are none."""
        return recording.model_copy(update={name: self.value(getattr(recording, name)) for name in SCRUBBED})

    def value(self, value: Any) -> Any:
        """A JSON value, every text in it scrubbed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return value

    def text(self, text: str) -> str:
        for value, name in self._secrets:
            if value in text:
                self.found[f"value of {name}"] += text.count(value)
                text = text.replace(value, f"<{name}>")
        text = ARN.sub(self._arn, text)
        for kind, form, instead in FORMS:
            text, count = form.subn(instead, text)
            self._note(kind, count)
        for secret in secrets_in(text):
            self._note(secret.kind, 1)
            text = text.replace(secret.value, "*" * 8)
        return text

    def _arn(self, match: re.Match[str]) -> str:
        text, count = re.subn(TWELVE, NOBODY, match[0])
        self._note("AWS account", count)
        return text

    def _note(self, kind: str, count: int) -> None:
        if count:
            self.found[kind] += count
