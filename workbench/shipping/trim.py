"""What is installed and never imported, so does not ship. Each rule says why; the rest of a package stays whole."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

# path in the package -> why it can go
RULES = {
    r"(.*/)?__pycache__/.*": "compiled anew, for the runtime",
    r".*\.(pyi|pyx|pxd|c|h|cpp|hpp|rs)|(.*/)?py\.typed": "for compilers and type checkers",
    r"[^/]+\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|WHEEL|top_level\.txt|sboms/.*)": "for pip",
    r"bin/.*": "commands",
    r"(?!chalicelib/)(.*/)?(tests|testing)/.*": "packages' own tests",
    r"boto3/(data|examples)/.*": "of boto3's resources; we use clients",
    r"botocore/data/[^/]+/.*/(examples|paginators|waiters)-[^/]*": "no operation of ours has pages or waits",
    r"google/cloud/vision_v1p\d+beta\d+/.*": "the client's betas",
    r"PIL/_(avif|imagingft|imagingcms|imagingtk|imagingmorph|imagingmath)\..*": "nothing is drawn, no AVIF is read",
    r"pillow\.libs/lib(avif|freetype|harfbuzz|lcms2|brotli\w*)-.*": "libraries of the modules above",
    r"sqlalchemy/dialects/(mysql|mssql|oracle)/.*": "databases that are not ours",
    r"chalicelib/usecases/\.[^/]*": "the build's own notes",
}
PATTERNS = [re.compile(pattern) for pattern in RULES]
SERVICES = re.compile(r"botocore/data/([^/]+)/.*")


def trim(folder: Path, services: set[str]) -> int:
    """Removes what is never imported; gives the bytes saved. ``services``: of AWS, those that are called."""
    saved = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (_is_dead(name) or _is_other_service(name, services)):
            saved += path.stat().st_size
            path.unlink()
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):  # it is not empty
            path.rmdir()
    return saved


def _is_dead(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in PATTERNS)


def _is_other_service(name: str, services: set[str]) -> bool:
    found = SERVICES.fullmatch(name)
    return bool(found and found[1] not in services)
