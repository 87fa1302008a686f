from dataclasses import replace
from datetime import UTC, datetime

import pytest

from layers.field import findings, tracks, witness
from layers.people import Account
from layers.site import Site
from tests.conftest import report
from tests.layers.field.test_tracks import along, walk


def test_the_track_tells_whether_the_stretch_was_being_inspected(
    town: Site, inspector: Account, now: datetime
) -> None:
    drive = walk(along(200, 50, 350, 31), now)
    tracks.put(town, inspector, drive, now=now)
    made = replace(report(1, 200, 203, now), observed_at=datetime.fromtimestamp(float(drive.time[15]), UTC))
    findings.put(town, inspector, made, now=now)
    told = witness.of(town, findings.get(town, made.uuid))
    assert told is not None
    assert (told.state, told.mode, told.n_fixes) == ("inspected", "vehicle", 7)
    assert told.speed_ms == pytest.approx(2.0, abs=0.2)
    assert told.speed_ms <= told.fastest_ms
    assert told.sd_m == pytest.approx(6 / 1.515, abs=0.1)
    assert told.nearest_s == pytest.approx(0, abs=0.01)


def test_without_a_track_nothing_is_told(town: Site, inspector: Account, now: datetime) -> None:
    findings.put(town, inspector, report(1, 200, 203, now), now=now)
    assert witness.of(town, findings.get(town, report(1, 200, 203, now).uuid)) is None


def test_a_drive_at_speed_is_no_inspection(town: Site, inspector: Account, now: datetime) -> None:
    drive = walk(along(200, 50, 750, 15), now, step_s=3.0)
    tracks.put(town, inspector, drive, now=now)
    made = replace(report(1, 300, 203, now), observed_at=datetime.fromtimestamp(float(drive.time[6]), UTC))
    findings.put(town, inspector, made, now=now)
    told = witness.of(town, findings.get(town, made.uuid))
    assert told is not None
    assert told.state == "passed"
    assert told.speed_ms is not None
    assert told.speed_ms > told.fastest_ms
