"""What the command line says of an import."""

from pathlib import Path

import pytest

from layers import language
from layers.errors import InvalidError
from layers.importing.refusals import Refusal
from layers.importing.runs import Done
from layers.terminal import telling


def refused(row: int, given: str) -> Refusal:
    reason = InvalidError(
        "%(given)s is not a code of scheme %(scheme)s",
        field="code",
        given=given,
        scheme="gbt30428-2013-event",
    )
    return Refusal(row, reason, {})


def test_refusals_that_are_alike_are_counted_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    done = Done("findings", 7, refused=[refused(row, str(row)) for row in range(1, 8)])
    for spoken, words in (("en", "7 × … is not a code of scheme …"), ("zh", "7 × ")):
        with language.using(spoken):
            telling.tell_refused(done, None)
        said = capsys.readouterr().out
        assert words in said
        assert "%(" not in said


def test_one_row_is_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    done = Done("findings", 1, facts={"n_date_only": 1})
    with language.using("en"):
        telling.tell(Path("a.csv"), done, None, dry_run=True)
    assert "1 row has a date" in capsys.readouterr().out
