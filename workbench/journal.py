"""What a build is about to write: were it killed between a module and the manifest, the module is known as its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.files import digest, digest_of, write
from workbench.project import Project


class Journal:
    """The digests of modules whose writing was begun. It lies in ``.artemis/``, and only while a build writes."""

    def __init__(self, project: Project) -> None:
        self._path = project.root / ".artemis" / "writing"
        self.modules: frozenset[str] = frozenset()
        with suppress(FileNotFoundError, UnicodeDecodeError):
            self.modules = frozenset(self._path.read_text("ascii").split())

    @contextmanager
    def writing(self, modules: dict[Path, bytes], incomplete: bool) -> Iterator[None]:
        """These are written or removed inside, and the manifest is written.

        After an ``incomplete`` build what a killed one had begun stays known: a use case that was not built
        may be among it.
        """
        digests = {path: digest(code) for path, code in modules.items()}
        begun = self.modules | set(digests.values())
        if begun != self.modules:
            self._path.parent.mkdir(exist_ok=True)
            write(self._path, "".join(f"{digest}\n" for digest in sorted(begun)).encode())
        try:
            yield
        except BaseException:
            if not self.modules and all(digest_of(path) != digests[path] for path in digests):
                self._path.unlink(missing_ok=True)
            raise
        if not (self.modules and incomplete):
            self._path.unlink(missing_ok=True)
