"""Rekognition's moderation labels, of taxonomy 6 and 7, by our categories.

Source: "Using the image and video moderation APIs" in Amazon's Rekognition developer guide, which lists taxonomy 7,
and Amazon's migration notes from 6.1. A name means the same in both where both have it; they are compared in any case.

What the table decides, and a use case should know:

- Everything below "Explicit" (in 6 "Explicit Nudity") is "nudity": also sexual acts and sex toys without any.
- Bare backs and chests, kisses, swimwear, underwear and covered private parts are "suggestive".
- Weapons, blood and self-harm are "violence"; corpses, emaciation and crashes are "disturbing".
- Taxonomy 7 has drugs and tobacco under one heading. The headings count for both, unless a child of them that is as
  sure says which: "Smoking" is tobacco, "Pills" are drugs.
- A label that is not in the table means what the label above it means.
- Neither judges "spoof".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

Meaning = frozenset[str]

NAMES = {
    "nudity": """
        Explicit / Explicit Nudity / Exposed Male Genitalia / Exposed Female Genitalia / Exposed Buttocks or Anus
        Exposed Female Nipple / Explicit Sexual Activity / Sex Toys
        Nudity / Graphic Male Nudity / Graphic Female Nudity / Sexual Activity / Illustrated Explicit Nudity
        Adult Toys""",
    "suggestive": """
        Non-Explicit Nudity of Intimate parts and Kissing / Non-Explicit Nudity / Bare Back / Exposed Male Nipple
        Partially Exposed Buttocks / Partially Exposed Female Breast / Implied Nudity
        Obstructed Intimate Parts / Obstructed Female Nipple / Obstructed Male Genitalia / Kissing on the Lips
        Swimwear or Underwear / Female Swimwear or Underwear / Male Swimwear or Underwear
        Suggestive / Partial Nudity / Barechested Male / Revealing Clothes / Sexual Situations""",
    "violence": """
        Violence / Weapons / Graphic Violence / Weapon Violence / Physical Violence / Self-Harm / Blood & Gore
        Graphic Violence Or Gore / Self Injury""",
    "disturbing": """
        Visually Disturbing / Death and Emaciation / Emaciated Bodies / Corpses / Crashes / Air Crash / Hanging""",
    "drugs": "Drugs / Drug Products / Drug Use / Drug Paraphernalia / Pills",
    "tobacco": "Tobacco / Tobacco Products / Smoking",
    "alcohol": "Alcohol / Alcohol Use / Drinking / Alcoholic Beverages",
    "rude": "Rude Gestures / Middle Finger",
    "gambling": "Gambling",
    "hate": "Hate Symbols / Nazi Party / White Supremacy / Extremist",
}
# From the bottom up: what a child says of itself, its parent need not repeat.
VAGUE = ("products", "drugs & tobacco paraphernalia & use", "drugs & tobacco")
EITHER = frozenset({"drugs", "tobacco"})


class ModerationLabel(Protocol):
    """A label as it is reported. ``Confidence``: 0 to 100; ``ParentName``: empty at the top of the taxonomy."""

    Name: str
    Confidence: float
    ParentName: str


class UnknownLabel(Exception):
    """A label that is in neither taxonomy, nor below one that is. Its name is the argument."""


def scores(labels: Sequence[ModerationLabel], own: Mapping[str, str | None]) -> dict[str, float]:
    """Each category's score, 0 to 1: that of its surest label; 0 where none is reported.

    Args:
        own: label -> category, before the table; None: the label counts for nothing.

    Raises:
        UnknownLabel: with such a label, 0 for its category would be a lie.
    """
    table = TABLE | {name.casefold(): frozenset({category} if category else ()) for name, category in own.items()}
    meanings = _told(labels, _meanings(labels, table))
    result = dict.fromkeys(NAMES, 0.0) | dict.fromkeys(filter(None, own.values()), 0.0)
    for label in labels:
        for category in meanings[label.Name.casefold()]:
            result[category] = max(result[category], round(min(label.Confidence / 100, 1.0), 6))
    return result


def _meanings(labels: Sequence[ModerationLabel], table: Mapping[str, Meaning]) -> dict[str, Meaning]:
    """The categories of each label: its own, or those of the nearest label above it that is known."""
    parents = {label.Name.casefold(): label.ParentName.casefold() for label in labels}
    meanings = {}
    for label in labels:
        above = label.Name.casefold()
        for _ in labels:
            above = above if above in table else parents.get(above, "")
        if above not in table:
            raise UnknownLabel(label.Name)
        meanings[label.Name.casefold()] = table[above]
    return meanings


def _told(labels: Sequence[ModerationLabel], meanings: dict[str, Meaning]) -> dict[str, Meaning]:
    """The same, with the headings that say either narrowed by their children."""
    for heading in (label for name in VAGUE for label in labels if label.Name.casefold() == name):
        name = heading.Name.casefold()
        children = [
            meanings[label.Name.casefold()]
            for label in labels
            if label.ParentName.casefold() == name and label.Confidence >= heading.Confidence
        ]
        if children and meanings[name] == EITHER:
            meanings[name] = frozenset().union(*children)
    return meanings


def _names(text: str) -> list[str]:
    return [name.strip().casefold() for line in text.splitlines() for name in line.split(" / ") if name.strip()]


# Not in it: "Explosions and Blasts", in 6 below "Visually Disturbing" and in 7 below "Graphic Violence".
TABLE: dict[str, Meaning] = dict.fromkeys(VAGUE, EITHER) | {
    name: frozenset({category}) for category, text in NAMES.items() for name in _names(text)
}
