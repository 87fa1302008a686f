from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from geo.datum import from_wgs84, to_wgs84
from layers import history
from layers.city import networks, versions
from layers.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from layers.field import coverage, datum, findings, placements, shifts, tracks
from layers.field.datum import Prescription
from layers.field.reports import Report
from layers.field.tracks import Track
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import NOW, at, report
from tests.layers.field.test_tracks import along, walk

PHONE = "990101-M013"
WHOLE = Prescription(device=PHONE, frame="wgs84", true_frame="gcj02", from_at=NOW - timedelta(days=30))
# what says when, or in which order, something was derived
_OF_DERIVING = {"placed_at", "id", "run_id"}


def shifted(number: int, east_m: float, north_m: float, now: datetime, **changes: object) -> Report:
    """Return a report from a place in the town by a phone that sends GCJ-02 and calls it WGS-84."""
    made = report(number, east_m, north_m, now, device=PHONE)
    raw = from_wgs84([at(east_m, north_m)], "gcj02")[0]
    position = replace(made.position, x=float(raw[0]), y=float(raw[1]))
    return replace(made, position=position, **changes)


def drive(number: int, places: Sequence[tuple[float, float]], now: datetime, **changes: object) -> Track:
    """Return a track of the same phone."""
    true = walk(list(places), now, number, **changes)
    raw = from_wgs84(np.column_stack([true.lon, true.lat]), "gcj02")
    return replace(true, lon=raw[:, 0], lat=raw[:, 1], device=PHONE)


def derived(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that is stored of findings and tracks and derived from them."""
    names = (
        "finding",
        "placement",
        "finding_key_point",
        "finding_district",
        "track",
        "coverage_run",
        "coverage",
    )
    kept = {}
    with site.store.read() as conn:
        for name in names:
            table = schema.metadata.tables[name]
            columns = [column for column in table.c if column.name not in _OF_DERIVING]
            rows = [tuple(_plain(value) for value in row) for row in conn.execute(select(*columns))]
            kept[name] = sorted(rows, key=repr)
    return kept


def _plain(value: Any) -> Any:
    return value.wkb if hasattr(value, "wkb") else value


def lonlat(site: Site, uuid: str) -> tuple[float, float]:
    found = findings.get(site, uuid)
    return found.lon, found.lat


@pytest.fixture
def sent(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town what a shifted phone sent, and an honest finding made on the shifted track."""
    course = drive(1, along(200, 50, 350, 31), now, mode="foot")
    middle = datetime.fromtimestamp(float(course.time[15]), UTC)
    tracks.put(town, inspector, course, now=now)
    reports = [
        shifted(2, 300, 204, now),
        shifted(3, 70, 30, now),
        replace(report(4, 200, 206, now), observed_at=middle),
        report(5, 300, 204, now, device="honest"),
    ]
    findings.put_many(town, inspector, reports, now=now)
    return town


def walked(site: Site, until: datetime = NOW) -> list[str]:
    """Return the streets covered by passes that began before an instant."""
    names = site.network.blocks.set_index("block_id")["name"]
    return [names[block] for block in coverage.intervals(site, until=until)["block_id"]]


def uuid(number: int) -> str:
    return report(number, 0, 0, NOW).uuid


def test_a_correction_puts_findings_and_tracks_where_they_were_made(
    sent: Site, supervisor: Account, now: datetime
) -> None:
    before = findings.get(sent, uuid(2))
    assert walked(sent) != ["光荣道", "光荣道"]
    key = datum.apply(sent, supervisor, WHOLE, reason=" fits the streets ", now=now)
    after = findings.get(sent, uuid(2))
    assert (after.lon, after.lat) == pytest.approx(at(300, 204), abs=1e-9)
    assert after.position == before.position
    assert after.placement is not None
    names = sent.network.blocks.set_index("block_id")["name"]
    assert names[after.placement.block_id] == "光荣道"
    # the school beside the second finding, and its areas, are found now
    assert [near.name for near in findings.get(sent, uuid(3)).key_points if near.p_inside > 0.5]
    assert walked(sent) == ["光荣道", "光荣道"]
    with sent.store.read() as conn:
        track = conn.execute(select(schema.track)).one()
        assert track.frame == "wgs84"
        assert track.geom.coords[0] == pytest.approx(at(50, 200), abs=1e-8)
        lines = history.of(conn, "finding", uuid(2))
        assert [line["action"] for line in lines] == ["create", "rederive"]
        assert lines[-1]["details"] == {"datum_correction": key}
        assert lines[-1]["account_id"] == supervisor.id
        of_correction = history.of(conn, "datum_correction", str(key))
    assert [line["action"] for line in of_correction] == ["apply", "rederive"]
    assert of_correction[-1]["details"] == {"findings": 3, "tracks": 1}
    (one,) = datum.applied(sent)
    assert (one.reason, one.withdrawn_at) == ("fits the streets", None)
    assert one.derived_at is not None


def test_a_finding_that_names_no_device_follows_the_track_on_which_it_was_made(
    sent: Site, supervisor: Account, now: datetime
) -> None:
    before = findings.get(sent, uuid(4)).placement
    assert before is not None
    assert before.track_id is None
    datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    after = findings.get(sent, uuid(4))
    assert (after.lon, after.lat) == pytest.approx(at(200, 206), abs=1e-9)
    assert after.placement is not None
    assert after.placement.track_id is not None


def test_taken_back_everything_is_as_it_was(sent: Site, supervisor: Account, now: datetime) -> None:
    before = derived(sent)
    key = datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    changed = derived(sent)
    assert {name for name in before if before[name] != changed[name]} >= {"finding", "placement", "track"}
    datum.withdraw(sent, supervisor, key, now=now)
    assert derived(sent) == before
    with pytest.raises(ConflictError):
        datum.withdraw(sent, supervisor, key, now=now)
    (one,) = datum.applied(sent)
    assert one.withdrawn_at == now
    again = datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    assert again != key
    assert derived(sent) == changed


def test_raw_numbers_and_the_declared_frame_never_change(
    sent: Site, supervisor: Account, now: datetime
) -> None:
    def raw() -> list[Any]:
        finding, track = schema.finding, schema.track
        of_finding = (finding.c.raw_x, finding.c.raw_y, finding.c.frame, finding.c.content_hash)
        of_track = (track.c.fixes, track.c.frame, track.c.content_hash)
        with sent.store.read() as conn:
            return [
                conn.execute(select(*chosen).order_by(chosen[-1])).all() for chosen in (of_finding, of_track)
            ]

    before = raw()
    key = datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    assert raw() == before
    datum.withdraw(sent, supervisor, key, now=now)
    assert raw() == before


def test_what_arrives_in_the_period_is_derived_in_the_true_frame(
    sent: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    week = replace(WHOLE, from_at=now - timedelta(days=8), until_at=now - timedelta(days=1))
    key = datum.apply(sent, supervisor, week, reason="x", now=now)
    inside = shifted(10, 300, 404, now, observed_at=now - timedelta(days=3))
    at_the_end = shifted(11, 300, 404, now, observed_at=now - timedelta(days=1))
    findings.put_many(sent, inspector, [inside, at_the_end], now=now)
    assert lonlat(sent, inside.uuid) == pytest.approx(at(300, 404), abs=1e-9)
    assert lonlat(sent, at_the_end.uuid) == (at_the_end.position.x, at_the_end.position.y)
    course = drive(12, along(400, 50, 350, 31), now - timedelta(days=3))
    tracks.put(sent, inspector, course, now=now)
    assert walked(sent, at_the_end.observed_at) == ["淮东路", "淮东路"]
    # the same again is the same: intake compares what was sent
    assert findings.put(sent, inspector, inside, now=now)[0] is findings.Outcome.SAME
    assert tracks.put(sent, inspector, course, now=now) is findings.Outcome.SAME
    datum.withdraw(sent, supervisor, key, now=now)
    assert lonlat(sent, inside.uuid) == (inside.position.x, inside.position.y)
    assert walked(sent, at_the_end.observed_at) != ["淮东路", "淮东路"]


def test_on_new_streets_tracks_are_read_in_their_true_frame(
    sent: Site, supervisor: Account, streets: Any, now: datetime
) -> None:
    datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    version, _ = networks.add(sent, streets.assign(width_m=30.0), "town", now=now)
    placements.add_for(sent, version, now=now)
    coverage.derive(sent, version)
    assert walked(sent) == ["光荣道", "光荣道"]
    assert findings.get(sent, uuid(2)).placement is not None


def test_nothing_is_shifted_twice(sent: Site, supervisor: Account, inspector: Account, now: datetime) -> None:
    said = shifted(10, 300, 404, now)
    honest = replace(said, uuid=uuid(11), position=replace(said.position, frame="gcj02"))
    findings.put_many(sent, inspector, [said, honest], now=now)
    datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    once = at(300, 404)
    for one in (said, honest):
        assert lonlat(sent, one.uuid) == pytest.approx(once, abs=1e-9)
    twice = to_wgs84([once], "gcj02")[0]
    assert np.abs(twice - once).max() > 0.001
    with pytest.raises(ConflictError):
        datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    chained = replace(WHOLE, frame="gcj02", true_frame="bd09")
    key = datum.apply(sent, supervisor, chained, reason="of those that declare GCJ-02 only", now=now)
    assert lonlat(sent, said.uuid) == pytest.approx(once, abs=1e-9)
    assert lonlat(sent, honest.uuid) != pytest.approx(once, abs=1e-4)
    datum.withdraw(sent, supervisor, key, now=now)
    datum.finish(sent, now=now)
    for one in (said, honest):
        assert lonlat(sent, one.uuid) == pytest.approx(once, abs=1e-9)


def test_taps_on_a_map_and_addresses_are_not_what_the_phone_measured(
    sent: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    said = [
        report(number, 300, 404, now, device=PHONE)
        for number in (20, 21, 22)
    ]  # fmt: skip
    sources = ("map", "geocoded", "exif")
    told = [
        replace(one, position=replace(one.position, source=source))
        for one, source in zip(said, sources, strict=True)
    ]
    findings.put_many(sent, inspector, told[:2], now=now)
    datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    findings.put_many(sent, inspector, told[2:], now=now)
    for one in told:
        assert lonlat(sent, one.uuid) == pytest.approx(at(300, 404), abs=1e-9)
        assert findings.get(sent, one.uuid).version == 1


@pytest.mark.parametrize(("begin", "end"), [(-40, -29), (-20, -10), (-10, None), (-40, None)])
def test_overlapping_corrections_are_refused(
    sent: Site, supervisor: Account, now: datetime, begin: int, end: int | None
) -> None:
    first = replace(WHOLE, until_at=now - timedelta(days=5))
    datum.apply(sent, supervisor, first, reason="x", now=now)
    until = None if end is None else now + timedelta(days=end)
    over = replace(WHOLE, from_at=now + timedelta(days=begin), until_at=until, true_frame="bd09")
    with pytest.raises(ConflictError):
        datum.apply(sent, supervisor, over, reason="x", now=now)
    beside = replace(WHOLE, from_at=now - timedelta(days=5))
    datum.apply(sent, supervisor, beside, reason="x", now=now)
    before = replace(WHOLE, from_at=now - timedelta(days=60), until_at=WHOLE.from_at)
    datum.apply(sent, supervisor, before, reason="x", now=now)
    assert len(datum.applied(sent)) == 3


def test_only_a_correction_that_makes_sense_is_taken(
    sent: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    wrong = [
        (replace(WHOLE, true_frame="wgs84"), "x"),
        (replace(WHOLE, true_frame="mars"), "x"),
        (replace(WHOLE, frame=""), "x"),
        (replace(WHOLE, until_at=WHOLE.from_at), "x"),
        (WHOLE, "  "),
        (WHOLE, "x" * 501),
    ]
    for what, reason in wrong:
        with pytest.raises(InvalidError):
            datum.apply(sent, supervisor, what, reason=reason, now=now)
    with pytest.raises(NotFoundError):
        datum.apply(sent, supervisor, replace(WHOLE, device="nobody's"), reason="x", now=now)
    with pytest.raises(ForbiddenError):
        datum.apply(sent, inspector, WHOLE, reason="x", now=now)
    with pytest.raises(ForbiddenError):
        datum.withdraw(sent, inspector, 1, now=now)
    assert datum.applied(sent) == []


class CutShortError(Exception):
    """Whoever was deriving has been stopped."""


def test_what_was_cut_short_is_finished_later(sent: Site, supervisor: Account, now: datetime) -> None:
    def stop(done: int, total: int) -> None:
        raise CutShortError

    before = derived(sent)
    with pytest.raises(CutShortError):
        datum.apply(sent, supervisor, WHOLE, reason="x", now=now, progress=stop)
    (one,) = datum.applied(sent)
    assert one.derived_at is None
    told: list[tuple[int, int]] = []
    assert datum.finish(sent, now=now, progress=lambda *step: told.append(step)) == 1
    assert told[-1] == (4, 4)
    assert datum.finish(sent, now=now) == 0
    assert walked(sent) == ["光荣道", "光荣道"]
    with pytest.raises(CutShortError):
        datum.withdraw(sent, supervisor, one.id, now=now, progress=stop)
    assert datum.finish(sent, now=now) == 1
    assert derived(sent) == before


def test_intake_notices_a_correction_that_came_in_between(
    sent: Site, supervisor: Account, now: datetime
) -> None:
    around = placements.surroundings(sent)
    datum.apply(sent, supervisor, WHOLE, reason="x", now=now)
    with sent.store.read() as conn:
        assert not around.is_still(versions.read(conn))
    assert sent.corrections.frame(PHONE, now, "wgs84") == "gcj02"
    assert sent.corrections.frame(PHONE, now, "gcj02") == "gcj02"
    assert sent.corrections.frame(None, now, "wgs84") == "wgs84"


def wander(now: datetime, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return places along every street of the town."""
    steps = np.arange(20.0, 800.0, 25.0)
    fixed = np.arange(5) * 200.0
    places = [(x, y) for y in fixed for x in steps] + [(x, y) for x in fixed for y in steps]
    return [(x + rng.normal(0, 3), y + rng.normal(0, 3)) for x, y in places]


def test_the_doctor_names_the_shifted_phone_and_no_other(
    town: Site, inspector: Account, supervisor: Account, now: datetime
) -> None:
    rng = np.random.default_rng(4)
    assert shifts.find(town) == []
    tracks.put(town, inspector, drive(1, wander(now, rng), now), now=now)
    honest = walk(wander(now, rng), now, 2, device="honest")
    tracks.put(town, inspector, honest, now=now)
    (one,) = shifts.find(town)
    assert (one.device, one.frame, one.read_in, one.guess, one.sure) == (
        PHONE,
        "wgs84",
        "wgs84",
        "gcj02",
        True,
    )
    assert one.n_fixes == len(honest.lon[::2])
    assert one.near_share_guess > 0.95 > one.near_share + 0.2
    assert (one.n_days, one.n_days_for) == (1, 1)
    assert np.hypot(one.east_m, one.north_m) == pytest.approx(570, abs=40)
    assert shifts.find(town, device="honest") == []
    assert shifts.find(town, since=now) == []
    evidence = one.evidence()
    what = replace(WHOLE, from_at=one.first_at, evidence=evidence)
    key = datum.apply(town, supervisor, what, reason="x", now=now)
    assert datum.applied(town)[0].evidence == evidence
    assert shifts.find(town) == []
    datum.withdraw(town, supervisor, key, now=now)
    assert shifts.find(town) == [one]


def test_of_a_phone_that_sent_much_an_even_sample_is_weighed(
    sent: Site, inspector: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shifts, "_MOST_OF_TRACK", 10)
    monkeypatch.setattr(shifts, "_MOST_OF_DEVICE", 15)
    tracks.put(sent, inspector, drive(40, along(400, 50, 350, 31), now, mode="foot"), now=now)
    with sent.store.read() as conn:
        read = shifts.positions(conn, sent)
    of_phone = read[read["device"] == PHONE]
    assert 7 < len(of_phone) <= 15
    assert (read["device"] == "honest").sum() == 1
    span = of_phone["lon"].max() - of_phone["lon"].min()
    assert span > 0.8 * (at(350, 0)[0] - at(50, 0)[0])


def test_the_doctor_speaks_against_a_wrong_correction(
    town: Site, inspector: Account, supervisor: Account, now: datetime
) -> None:
    sent = walk(wander(now, np.random.default_rng(4)), now, 2, device="honest")
    tracks.put(town, inspector, sent, now=now)
    wrong = replace(WHOLE, device="honest")
    datum.apply(town, supervisor, wrong, reason="x", now=now)
    (one,) = shifts.find(town)
    assert (one.frame, one.read_in, one.guess) == ("wgs84", "gcj02", "wgs84")


def test_photos_that_know_their_place_are_evidence_unless_they_repeat_the_report(
    town: Site, inspector: Account, now: datetime
) -> None:
    reports = [shifted(number, 100.0 * number, 200, now) for number in range(1, 7)]
    findings.put_many(town, inspector, reports, now=now)
    with town.store.write() as conn:
        fids = {row.uuid: row.fid for row in conn.execute(select(schema.finding))}
        for number, one in enumerate(reports, 1):
            true = at(100.0 * number, 200)
            repeats = number > 4
            conn.execute(
                schema.photo.insert().values(
                    finding_id=fids[one.uuid],
                    sha256=f"{number}",
                    role="wide",
                    media_type="image/jpeg",
                    n_bytes=1,
                    width_px=1,
                    height_px=1,
                    taken_at=one.observed_at + timedelta(minutes=1 if number != 4 else 60),
                    exif_lon=one.position.x if repeats else true[0],
                    exif_lat=one.position.y if repeats else true[1],
                    account_id=inspector.id,
                    received_at=now,
                )
            )
    (found,) = shifts.find(town)
    # four places are few, three photos are enough
    assert (found.guess, found.sure, found.n_references) == ("gcj02", True, 3)
    assert found.reference_gap_m == pytest.approx(570, abs=40)
    assert found.reference_gap_guess_m == pytest.approx(0, abs=0.1)


def test_without_streets_there_is_nothing_to_measure_by(site: Site) -> None:
    with pytest.raises(NotFoundError):
        shifts.find(site)


def test_a_period_is_told_by_the_millisecond_that_the_store_keeps(
    sent: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    edge = now - timedelta(hours=1)
    datum.apply(sent, supervisor, replace(WHOLE, until_at=edge), reason="x", now=now)
    before = shifted(20, 300, 404, now, observed_at=edge - timedelta(microseconds=1))
    findings.put(sent, inspector, before, now=now)
    kept = derived(sent)
    assert lonlat(sent, before.uuid) == pytest.approx(at(300, 404), abs=1e-9)
    with sent.store.write() as conn:
        conn.execute(schema.datum_correction.update().values(derived_at=None))
    assert datum.finish(sent, now=now) == 1
    assert derived(sent) == kept
