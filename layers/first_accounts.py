"""The accounts that a new site begins with, their passwords kept in a file for its owner to read."""

import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

FILE_NAME = "first-accounts.txt"


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """One account; `post` is what its person does: inspector, planner, supervisor or admin."""

    login: str
    password: str
    post: str


def keep(home: Path, accounts: Iterable[FirstAccount]) -> Path:
    """Write the accounts where only the owner of the site can read them; return the file."""
    file = home / FILE_NAME
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.writelines("\t".join(astuple(one)) + "\n" for one in accounts)
    return file


def kept(home: Path) -> list[FirstAccount]:
    """Return the accounts that were kept; none once the owner has removed the file."""
    file = home / FILE_NAME
    if not file.exists():
        return []
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line]
    # files of earlier versions name the login after the role and have no third column
    return [FirstAccount(row[0], row[1], row[2] if len(row) > 2 else row[0]) for row in rows if len(row) > 1]
