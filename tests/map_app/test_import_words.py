"""Reasons of refusals are kept and told again, whatever kind of number they name."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from babel.messages.pofile import read_po

from geo.errors import Explained
from layers import jobs, language
from layers.importing import tables
from map_app.import_words import explained

_NUMBER = re.compile(r"%\((\w+)\)[.\d]*[dfg]")
_NAMES = re.compile(r"%\((\w+)\)")


def with_numbers() -> list[str]:
    with (Path(language.__file__).parent / "translations" / "zh.po").open("rb") as file:
        return [one.id for one in read_po(file) if isinstance(one.id, str) and _NUMBER.search(one.id)]


@pytest.mark.parametrize("spoken", ["en", "zh"])
def test_every_message_with_numbers_is_told_when_it_was_kept(spoken: str) -> None:
    assert len(with_numbers()) > 10
    for message in with_numbers():
        for number in (7, np.int64(7), np.float64(7), np.float32(7)):
            given = dict.fromkeys(_NAMES.findall(message), number)
            kept = json.loads(json.dumps(jobs.told(Explained(message, **given))))
            with language.using(spoken):
                assert "%(" not in explained(kept)


def test_a_number_that_was_kept_as_text_is_told() -> None:
    kept = {"message": "%(given)d values for %(wanted)d columns", "params": {"given": "1", "wanted": "2"}}
    with language.using("en"):
        assert explained(kept) == "1 values for 2 columns"


def test_a_row_with_too_few_values_is_kept_with_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1\n")
    [chunk] = tables.chunks(path)
    assert jobs.told(chunk.refused[0].reason)["params"] == {"row": 1, "given": 1, "wanted": 2}
