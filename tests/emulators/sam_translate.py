"""SAM on standard input, CloudFormation on standard output; run where aws-sam-translator is (tests/tools.txt)."""

import json
import sys

from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """The translator asks AWS for the names of managed policies; the templates use none."""

    def load(self) -> dict[str, str]:
        return {}


print(json.dumps(transform(json.load(sys.stdin), {}, NoManagedPolicies())))
