import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import geopandas as gpd
import numpy as np
import pytest
from sqlalchemy import func, select, text

from layers import history
from layers.city import key_points, networks
from layers.errors import ConflictError, InvalidError, NotFoundError, XunchaError
from layers.field import findings, placements
from layers.field.findings import FindingFilter, Outcome
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import at, report


def n_rows(site: Site) -> int:
    with site.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(schema.finding)).scalar_one())


def test_a_finding_is_answered_with_all_that_was_understood(
    town: Site, inspector: Account, now: datetime
) -> None:
    outcome, found = findings.put(town, inspector, report(1, 90, 205, now), now=now)
    assert outcome is Outcome.CREATED
    placed = found.placement
    assert placed is not None
    assert placed.street_name == "光荣道"
    assert placed.network_version == 1
    assert placed.distance_m == pytest.approx(5.0, abs=0.01)
    assert placed.chainage_m == pytest.approx(90.0, abs=0.5)
    assert placed.p_block is not None
    assert placed.p_block > 0.99
    assert not placed.ambiguous
    assert not placed.outside
    assert [(near.kind, near.name) for near in found.key_points] == [
        ("primary", "普育小学"),
        ("bus_stop", None),
    ]
    school = found.key_points[0]
    assert school.distance_m == pytest.approx(85.0, abs=0.01)
    assert (school.measured_from, school.radius_m) == ("boundary", 200.0)
    assert school.p_inside > 0.999
    assert {area.name for area in found.districts} == {"果园新村街道", "西社区"}
    assert (found.lon, found.lat) == at(90, 205)
    assert found.account_name == "Zhang"
    assert found.received_at == now


def test_the_same_again_is_answered_the_same(town: Site, inspector: Account, now: datetime) -> None:
    sent = report(1, 90, 205, now)
    _, first = findings.put(town, inspector, sent, now=now)
    outcome, second = findings.put(town, inspector, sent, now=now + timedelta(hours=1))
    assert outcome is Outcome.SAME
    assert second == first
    assert n_rows(town) == 1


@pytest.mark.parametrize("x", [-900, 90, 195, 240])
def test_what_is_answered_at_once_is_what_will_be_read(
    town: Site, inspector: Account, now: datetime, x: int
) -> None:
    sent = report(1, x, 205, now)
    odd = now - timedelta(seconds=3, microseconds=1234)
    where = replace(sent.position, heading_deg=12.5, speed_ms=0.5, fixed_at=odd, is_mock=True)
    said = {"note": "占道", "n_items": 3, "street_hint": "光荣道", "device": "a"}
    sent = replace(sent, position=where, observed_at=odd, **said)
    _, told = findings.put(town, inspector, sent, now=now + timedelta(microseconds=777))
    assert told == findings.get(town, sent.uuid)
    assert told.placement is not None
    assert {type(value) for value in (told.placement.outside, told.placement.ambiguous)} == {bool}


def test_other_content_under_the_same_id_is_a_conflict(town: Site, inspector: Account, now: datetime) -> None:
    findings.put(town, inspector, report(1, 90, 205, now), now=now)
    with pytest.raises(ConflictError, match="other content"):
        findings.put(town, inspector, report(1, 90, 206, now), now=now)
    assert findings.get(town, report(1, 90, 205, now).uuid).note == "占道经营"


def test_a_colleague_cannot_take_over_an_id(
    town: Site, inspector: Account, colleague: Account, supervisor: Account, now: datetime
) -> None:
    sent = report(1, 90, 205, now)
    findings.put(town, inspector, sent, now=now)
    with pytest.raises(ConflictError):
        findings.put(town, colleague, sent, now=now)
    assert findings.put(town, supervisor, sent, now=now)[0] is Outcome.SAME


def test_parallel_twins_become_one_record(town: Site, inspector: Account, now: datetime) -> None:
    sent, told = report(1, 90, 205, now), []

    def send() -> None:
        told.append(findings.put(town, inspector, sent, now=now)[0])

    together(send, 8)
    assert sorted(told) == [Outcome.CREATED] + [Outcome.SAME] * 7
    assert n_rows(town) == 1


def test_of_parallel_strangers_under_one_id_one_wins(town: Site, inspector: Account, now: datetime) -> None:
    told: list[str] = []
    sent = iter([report(1, 90, 205 + number, now) for number in range(6)])

    def send() -> None:
        try:
            told.append(findings.put(town, inspector, next(sent), now=now)[0])
        except ConflictError:
            told.append("conflict")

    together(send, 6)
    assert sorted(told) == ["conflict"] * 5 + ["created"]
    assert n_rows(town) == 1


def together(work: Callable[[], None], n: int) -> None:
    barrier, errors = threading.Barrier(n), []

    def begin() -> None:
        barrier.wait()
        try:
            work()
        except Exception as error:  # noqa: BLE001  told to the test
            errors.append(error)

    threads = [threading.Thread(target=begin) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_an_empty_site_takes_findings_without_streets(site: Site, inspector: Account, now: datetime) -> None:
    outcome, found = findings.put(site, inspector, report(1, 90, 205, now), now=now)
    assert outcome is Outcome.CREATED
    assert found.placement is None
    assert found.key_points == found.districts == ()


def test_findings_from_before_the_streets_are_placed_when_they_come(
    site: Site, inspector: Account, streets: gpd.GeoDataFrame, places: gpd.GeoDataFrame, now: datetime
) -> None:
    findings.put(site, inspector, report(1, 90, 205, now), now=now)
    version, _ = networks.add(site, streets, "town", now=now)
    key_points.replace(site, "town", places, now=now)
    assert placements.add_for(site, version, now=now) == 1
    assert placements.refresh_surroundings(site) == 1
    later = findings.get(site, report(1, 90, 205, now).uuid)
    _, at_once = findings.put(site, inspector, report(2, 90, 205, now), now=now)
    assert later.placement == at_once.placement
    assert later.key_points == at_once.key_points


def test_a_finding_far_from_every_street_is_outside_and_kept(
    town: Site, inspector: Account, now: datetime
) -> None:
    _, found = findings.put(town, inspector, report(1, 400, 950, now), now=now)
    assert found.placement is not None
    assert found.placement.outside
    assert found.placement.block_id is None
    assert {area.level for area in found.districts} == {"subdistrict", "community"}


def test_a_position_in_another_frame_is_brought_home_once(
    town: Site, inspector: Account, now: datetime
) -> None:
    from geo.datum import from_wgs84  # noqa: PLC0415

    lon, lat = at(90, 205)
    ((x, y),) = from_wgs84([[lon, lat]], "gcj02").tolist()
    sent = report(1, 90, 205, now)
    shifted = replace(sent, position=replace(sent.position, x=x, y=y, frame="gcj02"))
    _, found = findings.put(town, inspector, shifted, now=now)
    assert (found.lon, found.lat) == pytest.approx((lon, lat), abs=1e-9)
    assert (found.position.x, found.position.y, found.position.frame) == (x, y, "gcj02")


def test_a_position_without_accuracy_has_the_error_of_its_source(
    town: Site, inspector: Account, now: datetime
) -> None:
    sent = report(1, 90, 205, now)
    bare = replace(sent, position=replace(sent.position, accuracy_m=None, source="geocoded"))
    _, found = findings.put(town, inspector, bare, now=now)
    assert found.placement is not None
    assert found.placement.s_used_m == town.settings.source_errors["geocoded"].sd_m


def test_a_bad_one_does_not_keep_the_good_ones_out(town: Site, inspector: Account, now: datetime) -> None:
    good, other = report(1, 90, 205, now), report(2, 95, 205, now)
    bad = replace(other, code="9999")
    changed = replace(good, note="anders")
    told = findings.put_many(town, inspector, [good, bad, good, changed, other], now=now)
    assert told[0] == (Outcome.CREATED, good.uuid)
    assert isinstance(told[1], InvalidError)
    assert told[2] == (Outcome.SAME, good.uuid)
    assert isinstance(told[3], ConflictError)
    assert told[4] == (Outcome.CREATED, other.uuid)
    assert n_rows(town) == 2


def test_many_are_derived_as_one_is(
    town: Site, inspector: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placements, "CHUNK", 40)
    random = np.random.default_rng(3)
    reports = [report(number, *random.uniform(-50, 850, 2), now) for number in range(1, 101)]
    progress: list[tuple[int, int]] = []
    told = findings.put_many(
        town, inspector, reports, now=now, progress=lambda done, total: progress.append((done, total))
    )
    assert all(not isinstance(one, XunchaError) and one[0] is Outcome.CREATED for one in told)
    assert progress == [(40, 100), (80, 100), (100, 100)]
    for number in (1, 50, 100):
        again = replace(reports[number - 1], uuid=str(uuid4()))
        _, alone = findings.put(town, inspector, again, now=now)
        batched = findings.get(town, reports[number - 1].uuid)
        assert batched.placement == alone.placement
        assert batched.key_points == alone.key_points
        assert batched.districts == alone.districts


def test_intake_derives_anew_when_the_streets_change_under_its_hands(
    town: Site,
    inspector: Account,
    streets: gpd.GeoDataFrame,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    derive, calls = placements.derive, []

    def derive_slowly(*given: object) -> object:
        if not calls:
            networks.add(town, streets.iloc[:7], "town", now=now)
        calls.append(1)
        return derive(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(placements, "derive", derive_slowly)
    _, found = findings.put(town, inspector, report(1, 90, 205, now), now=now)
    assert len(calls) == 2
    assert found.placement is not None
    assert found.placement.network_version == 2


def test_every_finding_leaves_a_line_of_history(town: Site, inspector: Account, now: datetime) -> None:
    sent = report(1, 90, 205, now)
    findings.put(town, inspector, sent, now=now)
    findings.put(town, inspector, sent, now=now)
    with town.store.read() as conn:
        lines = history.of(conn, "finding", sent.uuid)
    assert [(line["action"], line["account_id"], line["at"]) for line in lines] == [
        ("create", inspector.id, now)
    ]


def test_an_unknown_finding_is_not_found(town: Site) -> None:
    with pytest.raises(NotFoundError):
        findings.get(town, str(uuid4()))


@pytest.fixture
def peopled(town: Site, inspector: Account, colleague: Account, now: datetime) -> Site:
    """Give the town with 30 findings along five streets, of two kinds, over 30 hours."""
    reports = [
        report(
            number,
            100 * (number % 6) + 50,
            200 * (number % 5) + 4,
            now,
            observed_at=now - timedelta(hours=number),
            code="0406" if number % 2 else "0136",
        )
        for number in range(1, 31)
    ]
    findings.put_many(town, inspector, reports[:20], now=now)
    findings.put_many(town, colleague, reports[20:], now=now)
    return town


def uuids(site: Site, **conditions: object) -> set[int]:
    page = findings.page(site, FindingFilter(**conditions), limit=1000)  # type: ignore[arg-type]
    frame = findings.frame(site, FindingFilter(**conditions))  # type: ignore[arg-type]
    assert frame["uuid"].tolist() == [one.uuid for one in page.findings]
    return {UUID(one.uuid).int % 2**32 for one in page.findings}


def test_pages_follow_one_another_without_gap_or_repeat(
    peopled: Site, inspector: Account, now: datetime
) -> None:
    seen: list[str] = []
    after = None
    for turn in range(20):
        page = findings.page(peopled, FindingFilter(), after=after, limit=7)
        seen += [one.uuid for one in page.findings]
        findings.put(peopled, inspector, report(100 + turn, 10, 10, now), now=now)
        if page.next is None:
            break
        after = page.next
    assert len(seen) == len(set(seen))
    assert seen[:30] == [report(number, 0, 0, now).uuid for number in range(1, 31)]


def test_a_page_that_ends_exactly_has_no_next(peopled: Site) -> None:
    assert findings.page(peopled, FindingFilter(), limit=30).next is None
    assert findings.page(peopled, FindingFilter(), limit=29).next is not None


@pytest.mark.parametrize("mark", ["x", "-1", "1.5", "٣", "9" * 40, ""])
def test_a_mark_that_is_none_is_refused(peopled: Site, mark: str) -> None:
    with pytest.raises(InvalidError) as caught:
        findings.page(peopled, FindingFilter(), after=mark)
    assert caught.value.field == "after"


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_has_a_size(peopled: Site, limit: int) -> None:
    with pytest.raises(InvalidError):
        findings.page(peopled, FindingFilter(), limit=limit)


def test_findings_are_found_by_what_they_are(peopled: Site, inspector: Account, now: datetime) -> None:
    scheme = "gbt30428-2013-event"
    odd = {number for number in range(1, 31) if number % 2}
    assert uuids(peopled, categories=((scheme, "0406"),)) == odd
    assert uuids(peopled, categories=((scheme, "0406"), (scheme, "0136"))) == set(range(1, 31))
    assert uuids(peopled, categories=()) == set()
    assert uuids(peopled, account_id=inspector.id) == set(range(1, 21))
    assert uuids(peopled, channel="public") == set()
    assert uuids(peopled, uuids=(report(3, 0, 0, now).uuid,)) == {3}


def test_a_period_holds_its_beginning_and_not_its_end(peopled: Site, now: datetime) -> None:
    hour = timedelta(hours=1)
    assert uuids(peopled, observed_from=now - 5 * hour) == {1, 2, 3, 4, 5}
    assert uuids(peopled, observed_until=now - 28 * hour) == {29, 30}
    assert uuids(peopled, observed_from=now - 9 * hour, observed_until=now - 7 * hour) == {8, 9}


def test_findings_are_found_by_where_they_are(peopled: Site) -> None:
    on_guangrong = {number for number in range(1, 31) if number % 5 == 1}
    assert uuids(peopled, street="光荣道") == on_guangrong
    one = findings.page(peopled, FindingFilter(), limit=1).findings[0]
    assert one.placement is not None
    assert uuids(peopled, street=one.placement.street_id) == on_guangrong
    assert uuids(peopled, block_id=one.placement.block_id) <= on_guangrong
    assert 1 in uuids(peopled, block_id=one.placement.block_id)
    assert uuids(peopled, street="无此路") == set()
    west = next(area.id for area in one.districts if area.name == "西社区")
    assert uuids(peopled, district_id=west) == {number for number in range(1, 31) if number % 6 < 4}
    (lon, lat), (east, north) = at(0, 190), at(1000, 210)
    assert uuids(peopled, bbox=(lon, lat, east, north)) == on_guangrong


def test_conditions_hold_together(peopled: Site, now: datetime) -> None:
    wanted = FindingFilter(street="光荣道", observed_from=now - timedelta(hours=11))
    found = findings.page(peopled, wanted).findings
    assert [UUID(one.uuid).int % 2**32 for one in found] == [1, 6, 11]


def test_a_frame_has_the_columns_that_were_asked_for(peopled: Site) -> None:
    frame = findings.frame(peopled, FindingFilter(), columns=("uuid", "note", "chainage_m"))
    assert list(frame.columns) == ["uuid", "note", "chainage_m", "geom"]
    assert frame.crs.to_epsg() == 4326
    assert len(frame) == 30


def test_a_street_and_a_block_are_found_by_their_indexes(peopled: Site) -> None:
    if not peopled.store.is_geopackage:
        # a planner with statistics rightly scans a table of thirty rows
        with peopled.store.read() as conn:
            names = conn.execute(
                text("SELECT indexname FROM pg_indexes WHERE tablename = 'placement'")
            ).scalars()
            assert "placement_network_version_street_name" in set(names)
        return
    for wanted, index in (
        (FindingFilter(street="光荣道"), "placement_network_version_street_name"),
        (FindingFilter(block_id="x"), "placement_network_version_block_id"),
    ):
        words = select(schema.finding.c.uuid).where(*wanted.conditions())
        compiled = words.compile(peopled.store.engine, compile_kwargs={"literal_binds": True})
        with peopled.store.read() as conn:
            plan = [row[3] for row in conn.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))]
        assert any(index in step for step in plan), plan
        assert not {"SCAN placement", "SCAN finding"} & {" ".join(step.split()[:2]) for step in plan}, plan
