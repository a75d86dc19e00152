"""Why a database cannot be used, in a line that may be logged: it holds no password and nothing of a row."""

from __future__ import annotations

LONGEST = 300  # characters


def reason(error: BaseException) -> str:
    """What the driver said of the connection, the server or the file; of anything else, the error's name.

    SQLite says by its DatabaseError that a file is no database, or is damaged; psycopg by its ProgrammingError that an
    option of the URL is none.

    Where a URL was misread, a piece of its password may stand in a host's name, with the @ behind it.
    """
    driver = getattr(error, "orig", None) or error
    kinds = {kind.__name__ for kind in type(driver).__mro__}
    said = str(driver).strip().partition("\n")[0]
    is_file = type(driver).__name__ == "DatabaseError" and type(driver).__module__ == "sqlite3"
    is_told = (
        is_file
        or said.startswith("invalid connection option")
        or ("OperationalError" in kinds and not hasattr(driver, "statement"))
    )
    is_shown = said and "@" not in said and is_told
    return f"{type(driver).__name__}: {said[:LONGEST]}" if is_shown else type(driver).__name__
