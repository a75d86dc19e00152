"""Whether a regular expression can be made to backtrack without end: suspected by its form, then tried out.

regexploit names texts on which a pattern might be slow; alternatives that are repeated, which it does
not look at, give more. Each is tried in growing lengths, and only what really grows too fast is called
slow: exponentially, where 40 characters are too many, or at least with the third power of the length.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Literal

Growth = Literal["exponential", "polynomial", ""]
Attack = tuple[str, str, str]  # what comes first, what is repeated, what does not match at the end

TOO_LONG = 0.005  # seconds; a pattern that is linear needs microseconds for these lengths
SHORT = range(4, 41)
LONGER = (60, 100, 150, 220, 300, 450)  # of the second power: 1 ms at 450; of the third: 5 ms at 150 to 450
MANY = 20  # texts tried for one pattern
MANY_WAYS = 500  # through a pattern's alternatives, of which there may be millions
KILLERS = ("\0", "!", "")
UNBOUNDED = re.compile(r"[*+]|,\}|,\d{2,}\}")


@lru_cache(maxsize=1024)
def growth(pattern: str, flags: int = 0) -> tuple[Growth, str]:
    """How the time of a failing match grows, with a text that shows it; empty when not too fast, or not known."""
    if len(UNBOUNDED.findall(pattern)) < 2 and not ("|" in pattern and UNBOUNDED.search(pattern)):
        return "", ""  # one repetition alone is at worst of the second power
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(pattern, flags)
            attacks = dict.fromkeys(chain(_suspected(pattern, flags), _alternatives(pattern, flags)))
    except (re.error, ValueError, RecursionError, OverflowError):
        return "", ""  # no pattern: it raises when the module is loaded
    tried = list(attacks)[:MANY]
    kinds: tuple[tuple[Growth, Iterable[int]], ...] = (("exponential", SHORT), ("polynomial", LONGER))
    for kind, lengths in kinds:
        for attack in tried:
            if any(_is_slow(compiled, attack, length) for length in lengths):
                return kind, _shown(attack)
    return "", ""


def _shown(attack: Attack) -> str:
    first, repeated, last = attack
    return f"{first[-20:]}{(repeated * 12)[:12]}…{last}"


def _is_slow(compiled: re.Pattern[str], attack: Attack, length: int) -> bool:
    """Twice, since another process may have had the processor the first time."""
    first, repeated, last = attack
    text = first + repeated * length + last
    return all(_time(compiled, text) > TOO_LONG for _ in range(2))


def _time(compiled: re.Pattern[str], text: str) -> float:
    started = time.thread_time()
    compiled.match(text)
    return time.thread_time() - started


def _suspected(pattern: str, flags: int) -> Iterator[Attack]:
    """What regexploit suspects. It knows neither possessive nor atomic groups: then it has nothing to say."""
    from regexploit.ast.sequence import Sequence
    from regexploit.ast.sre import SreOpParser
    from regexploit.redos import expand_branches, find_redos_in_branchless_sequence

    try:
        parsed = SreOpParser().parse_sre(pattern, flags)
        whole = parsed if isinstance(parsed, Sequence) else Sequence([parsed])
        for straight in islice(expand_branches(whole), MANY_WAYS):
            for redos in find_redos_in_branchless_sequence(straight):
                for last in (redos.killer.example() if redos.killer else "", *KILLERS):
                    yield redos.example_prefix, redos.repeated_character.example(), last
    except Exception:  # a form that it does not know, in a library that fails in many ways
        return


def _alternatives(pattern: str, flags: int) -> Iterator[Attack]:
    """Each letter that alternatives under a repetition begin with, repeated."""
    from re import _parser as parser  # type: ignore[attr-defined]  # regexploit needs it as well

    for alternative in _repeated(parser.parse(pattern, flags), inside=False):
        for letters in (alternative, alternative[:1]):
            yield from (("", letters, last) for last in KILLERS[:2])


def _repeated(parsed: Any, inside: bool) -> Iterator[str]:
    """The plain beginnings of all alternatives that stand inside a repetition."""
    for operation, argument in parsed:
        name = str(operation)
        if name == "BRANCH":
            for branch in argument[1]:
                if inside and (start := "".join(map(_letter, branch[:3]))):
                    yield start
                yield from _repeated(branch, inside)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            yield from _repeated(argument[2], inside or int(argument[1]) > 10)
        elif name == "SUBPATTERN":
            yield from _repeated(argument[3], inside)


def _letter(item: Any) -> str:
    """A character that an item of a pattern surely begins with, where that is easily said."""
    operation, argument = item
    name = str(operation)
    if name == "LITERAL":
        return chr(argument)
    if name in ("MAX_REPEAT", "MIN_REPEAT") and argument[0]:
        return _letter(argument[2][0]) if argument[2] else ""
    if name == "IN" and str(argument[0][0]) in ("LITERAL", "RANGE"):
        value = argument[0][1]
        return chr(value if isinstance(value, int) else value[0])
    return "a" if name == "IN" and str(argument[0][1]) in ("CATEGORY_WORD", "CATEGORY_NOT_SPACE") else ""
