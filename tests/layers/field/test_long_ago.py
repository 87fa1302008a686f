"""Reports of what was observed long before it came: taken, and doubted; imports are of the past."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from layers.field import findings
from layers.field.findings import FindingFilter
from layers.importing import field
from layers.importing.options import ImportOptions
from layers.people import Account
from layers.site import Site
from tests.conftest import report
from tests.layers.importing.test_findings import CODE, row, write

YEARS_AGO = datetime(1971, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "doubts"),
    [
        (timedelta(hours=1), ()),
        (timedelta(days=14), ()),
        (timedelta(days=14, seconds=1), ("long_ago",)),
        (None, ("long_ago",)),
    ],
)
def test_a_report_of_long_ago_is_taken_and_doubted(
    town: Site, inspector: Account, now: datetime, before: timedelta | None, doubts: tuple[str, ...]
) -> None:
    observed = YEARS_AGO if before is None else now - before
    sent = report(1, 90, 205, now, observed_at=observed)
    _, told = findings.put(town, inspector, sent, now=now)
    assert told.doubts == findings.get(town, sent.uuid).doubts == doubts
    asked = FindingFilter(late_days=town.settings.late_days)
    assert [one.uuid for one in findings.page(town, asked).findings] == [sent.uuid] * len(doubts)
    assert findings.count(town, asked) == len(doubts)


def test_how_long_is_a_setting_of_the_site(town: Site, inspector: Account, now: datetime) -> None:
    sent = report(1, 90, 205, now, observed_at=now - timedelta(days=5))
    assert findings.put(town, inspector, sent, now=now)[1].doubts == ()
    town.settings = replace(town.settings, late_days=4)
    assert findings.get(town, sent.uuid).doubts == ("long_ago",)


def test_what_is_imported_is_of_the_past_and_not_doubted(
    town: Site, inspector: Account, now: datetime, tmp_path: Path
) -> None:
    path = write(tmp_path, [{**row(), "time": "1971-05-01 16:00"}])
    field.import_findings(town, inspector, path, ImportOptions(**CODE), now=now)
    (found,) = findings.page(town, FindingFilter()).findings
    assert found.observed_at.year == 1971
    assert found.doubts == ()
    assert findings.count(town, FindingFilter(late_days=14)) == 0
