"""docs/rules.md, made from the rules: ``python -m workbench.rulesdoc`` writes it.

A rule's page is its function's docstring, so it cannot say anything else than the rule's author
does; a test holds the file to the rules, and the examples to what the rules report.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

HEAD = """\
# The rules

<!-- Generated from workbench/rules by `python -m workbench.rulesdoc`. Edit the rules' docstrings, not this file. -->

`artemis check` holds every notebook in `usecases/` and every stage file against these rules, without running a
kernel. An **error** keeps a use case from being built, and `artemis check` exits with 1. A **warning** is worth a
change, an **info** is only said.

## Opting out

A comment at the end of a line leaves out what the rules that it names report of that line:

```python
import pandas  # artemis: ignore[missing-requirement]
```

Several rules are separated by commas. What is reported of a whole cell (its outputs, for instance) is left out by a
comment on the cell's first line. An opt-out that leaves out nothing is reported itself. Rules without *may be left
out* hold always: without them no module could be built, or none that does what the notebook says.

## All rules

| rule | severity | what holds |
| --- | --- | --- |
"""


def page() -> str:
    """The whole document, the rules in alphabetical order."""
    from workbench.rules import CATALOGUE

    rules = [CATALOGUE[name] for name in sorted(CATALOGUE)]
    rows = [f"| [{rule.name}](#{rule.name}) | {rule.severity} | {_plain(rule.summary)} |" for rule in rules]
    return HEAD + "\n".join(rows) + "\n" + "".join("\n" + "\n\n".join(_section(rule)) + "\n" for rule in rules)


def _section(rule: object) -> Iterator[str]:
    from workbench.rules.catalogue import Rule

    assert isinstance(rule, Rule)
    yield f"## {rule.name}"
    yield f"*{rule.severity}{', may be left out' if rule.optional else ''}*"
    yield _plain(rule.summary)
    if rule.reason:
        yield _plain(rule.reason)
    for title, code in (("Reported:", rule.bad), ("Good:", rule.good)):
        if code:
            yield title
            yield f"```python\n{code}\n```"


def _plain(text: str) -> str:
    """Docstrings may mark code as reStructuredText does."""
    return text.replace("``", "`")


def main() -> None:
    path = Path(__file__).parent.parent / "docs" / "rules.md"
    path.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
