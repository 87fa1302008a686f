"""Hotspots of a town that was walked through once."""

from datetime import datetime, timedelta

import pytest

from layers.analysis import coverage, hotspot_forecasts, hotspot_places, hotspots, seen_before
from layers.analysis.hotspots import Asked
from layers.analysis.questions import Analyst
from layers.errors import NotFoundError
from layers.field import findings, tracks, twins
from layers.field.asking import FindingFilter
from layers.people import Account
from layers.site import Site
from tests.conftest import report
from tests.layers.field.test_tracks import along, walk

STREETS = (0, 200, 400, 600, 800)


def walk_everywhere(town: Site, inspector: Account, now: datetime, *, first: int = 900) -> None:
    """Send one track along each street of the town, numbered from `first` on."""
    for number, place in enumerate(STREETS):
        east = along(place, 0, 800, 80)
        north = [(float(place), x) for x, _ in east]
        tracks.put(town, inspector, walk(east, now, number=first + number), now=now)
        tracks.put(town, inspector, walk(north, now, number=first + 50 + number), now=now)


def report_much_on_one_block(town: Site, inspector: Account, now: datetime) -> None:
    """Report a little everywhere, and much on the second block of 光荣道."""
    much = [report(number, 300 + number % 20 * 3, 203, now) for number in range(1, 25)]
    little = [
        report(100 + number, 100 + 200 * (number % 4), number // 4 * 200 + 3, now) for number in range(16)
    ]
    findings.put_many(town, inspector, [*much, *little], now=now)


@pytest.fixture
def analyst(town: Site, inspector: Account, now: datetime) -> Analyst:
    """Give the town after one walk through all streets, much found on one block."""
    walk_everywhere(town, inspector, now)
    report_much_on_one_block(town, inspector, now)
    return Analyst(town)


def test_what_patrols_do_not_explain_is_a_stretch_with_a_name_and_numbers(
    analyst: Analyst, now: datetime
) -> None:
    found = hotspots.find(analyst, Asked())
    assert not found.declared
    assert found.n_observed == len(analyst.site.network.blocks) == 40
    assert found.effort_km == pytest.approx(8.0, rel=0.05)
    place = found.places.iloc[0]
    assert (place["name"], len(found.places)) == ("光荣道", 1)
    assert place["found"] > 20
    assert place["expected"] < 5
    hot = found.blocks[found.blocks["hot"]]
    assert set(place["block_ids"]) <= set(hot.index)
    assert (hot["ratio_low"] > 1).all()
    assert found.watched is not None
    assert found.watched[1] == now - timedelta(minutes=1)


def test_what_lasts_counts_once_however_often_it_is_passed_and_what_drives_away_each_time(
    town: Site, inspector: Account, colleague: Account, now: datetime
) -> None:
    walk_everywhere(town, inspector, now)
    walk_everywhere(town, inspector, now - timedelta(days=10), first=1200)
    days = [now - timedelta(days=10 - day) for day in range(10)]
    for kind, code in enumerate(("0113", "0409")):
        seen = [
            report(1000 * kind + day, 300 + 200 * kind, 3, at, code=code)
            for day, at in enumerate(days, start=1)
        ]
        findings.put_many(town, inspector, seen[::2], now=now)
        findings.put_many(town, colleague, seen[1::2], now=now)
    others = [
        report(5000 + k, 60 + k % 8 * 100, 3 + k // 8 * 200, days[0], code="0113") for k in range(8, 40)
    ]
    findings.put_many(town, inspector, others, now=now)
    found = hotspots.find(Analyst(town), Asked())
    new = found.findings.groupby("code")["new"].sum()
    assert new["0113"] == pytest.approx(33, abs=1)
    assert new["0409"] == 10
    assert found.n_again == pytest.approx(52 - new.sum())


def test_what_was_decided_to_be_two_things_counts_twice(
    town: Site, inspector: Account, colleague: Account, supervisor: Account, now: datetime
) -> None:
    for number, (who, ago) in enumerate(((inspector, 5), (colleague, 3)), start=1):
        seen = report(number, 300, 3, now - timedelta(days=ago), code="0113")
        findings.put_many(town, who, [seen], now=now)
    both = findings.frame(town, FindingFilter(), ("fid",))["fid"]
    before = seen_before.find(Analyst(town), FindingFilter(), both)
    assert before.max() > 0.8
    pair = twins.proposals(town, FindingFilter())[0]
    twins.decide(town, supervisor, pair, same=False, now=now)
    assert seen_before.find(Analyst(town), FindingFilter(), both).empty


def test_what_the_public_told_of_first_is_no_less_a_find_of_the_patrol(
    town: Site, inspector: Account, colleague: Account, now: datetime
) -> None:
    walk_everywhere(town, inspector, now)
    told = report(1, 300, 3, now - timedelta(minutes=50), code="0113", channel="public")
    seen = report(2, 300, 3, now - timedelta(minutes=5), code="0113")
    findings.put_many(town, inspector, [told], now=now)
    findings.put_many(town, colleague, [seen], now=now)
    for stream in hotspots.STREAMS:
        assert list(hotspots.find(Analyst(town), Asked(stream=stream)).findings["new"]) == [1.0]


def test_what_the_public_reports_is_a_stream_of_its_own_against_a_declared_exposure(
    analyst: Analyst, inspector: Account, now: datetime
) -> None:
    told = [report(number, 700, 600, now, channel="public") for number in range(500, 530)]
    findings.put_many(analyst.site, inspector, told, now=now)
    patrols, public = (hotspots.find(analyst, Asked(stream=stream)) for stream in hotspots.STREAMS)
    assert (len(patrols.findings), patrols.n_other) == (40, 30)
    assert (len(public.findings), public.n_other) == (30, 40)
    assert public.declared
    assert public.model["declared_exposure"]
    assert patrols.places["name"].tolist() == ["光荣道"]
    assert "光荣道" not in public.places["name"].tolist()


def test_what_nobody_looked_at_is_not_observed_and_its_findings_do_not_count(
    town: Site, inspector: Account, now: datetime
) -> None:
    report_much_on_one_block(town, inspector, now)
    without_tracks = hotspots.find(Analyst(town), Asked())
    assert without_tracks.declared
    assert without_tracks.model["declared_exposure"]
    tracks.put(town, inspector, walk(along(600, 50, 750, 31), now), now=now)
    old = report(300, 500, 600, now, observed_at=now - timedelta(days=40))
    findings.put_many(town, inspector, [old], now=now)
    found = hotspots.find(Analyst(town), Asked())
    unseen = found.blocks[~found.blocks["observed_at_all"]]
    assert found.n_observed == 4
    assert not unseen["hot"].any()
    assert unseen[["ratio", "q"]].isna().all(axis=None)
    assert found.model["n_not_observed"] > 20
    assert found.n_unwatched == 1
    in_another_year = Asked(since=now - timedelta(days=400), until=now - timedelta(days=300))
    assert hotspots.find(Analyst(town), in_another_year).n_observed == 0


def test_period_and_categories_are_asked_of_findings_and_effort_alike(
    analyst: Analyst, colleague: Account, now: datetime
) -> None:
    other = hotspots.find(analyst, Asked(categories=(("gbt30428-2013-event", "0201"),)))
    assert (len(other.findings), len(other.places), other.effort_km > 7) == (0, 0, True)
    before = hotspots.find(analyst, Asked(until=now - timedelta(days=2)))
    assert (before.effort_km, before.n_observed) == (0.0, 0)
    of_colleague = hotspots.find(analyst, Asked(account_id=colleague.id))
    assert (len(of_colleague.findings), of_colleague.declared) == (0, True)


def test_a_stretch_is_told_by_week_and_hour_with_effort_in_the_same_bins(
    analyst: Analyst, now: datetime
) -> None:
    first = hotspots.find(analyst, Asked()).places.iloc[0]
    found = hotspot_places.place(analyst, Asked(), first["block_ids"][1], now)
    assert found.is_hotspot
    assert found.label is None
    assert len(found.weeks) == 1
    assert found.weeks["effort_km"].iloc[0] == pytest.approx(0.6, rel=0.05)
    assert found.weeks["found"].iloc[0] == len(found.findings) > 20
    out = found.hours[found.hours["effort_km"] > 0]
    assert out["effort_km"].sum() == pytest.approx(0.6, rel=0.05)
    assert found.hours["found"].sum() == len(found.findings)
    assert found.last_at.notna().all()


def test_a_block_in_no_stretch_is_shown_alone_with_its_own_numbers(analyst: Analyst, now: datetime) -> None:
    block = analyst.site.network.blocks.query("name == '延吉道'").iloc[0]
    found = hotspot_places.place(analyst, Asked(), block["block_id"], now)
    own = found.found.blocks.loc[block["block_id"]]
    assert not found.is_hotspot
    assert (found.row["name"], found.row["n_blocks"]) == ("延吉道", 1)
    assert found.row["expected"] == own["block_expected"] > 0
    with pytest.raises(NotFoundError):
        hotspot_places.place(analyst, Asked(), "nowhere", now)


def walk_and_report_weekly(town: Site, inspector: Account, now: datetime, n_weeks: int) -> None:
    """Walk through all streets once a week and report a little everywhere each time."""
    for week in range(n_weeks):
        walked_at = now - timedelta(days=7 * week + 1)
        for number, place in enumerate(STREETS):
            for turn in (0, 1):
                east = along(place, 0, 800, 80)
                route = [(float(place), x) for x, _ in east] if turn else east
                track = walk(route, walked_at, number=1000 + 100 * week + 10 * number + turn)
                tracks.put(town, inspector, track, now=now)
        little = [
            report(
                5000 + 100 * week + number,
                100 + 200 * (number % 4),
                number // 4 * 200 + 3,
                now,
                observed_at=walked_at,
            )
            for number in range(16)
        ]
        findings.put_many(town, inspector, little, now=now)


def test_over_periods_a_place_that_has_just_become_bad_is_new(
    town: Site, inspector: Account, now: datetime
) -> None:
    walk_and_report_weekly(town, inspector, now, 5)
    much = [
        report(n, 300 + n % 20 * 3, 203, now, observed_at=now - timedelta(days=1, hours=2))
        for n in range(1, 25)
    ]
    findings.put_many(town, inspector, much, now=now)
    analyst = Analyst(town)
    assert len(hotspot_places.periods(analyst, Asked())) == 5
    named = hotspot_places.labels(analyst, Asked())
    assert named is not None
    worst = hotspots.find(analyst, Asked()).blocks["block_observed"].idxmax()
    assert hotspot_places.place(analyst, Asked(), str(worst), now).label == "new"
    assert (named["label"] == "none").sum() > 20


def test_over_four_periods_what_doubles_each_time_rises(
    town: Site, inspector: Account, now: datetime
) -> None:
    walk_and_report_weekly(town, inspector, now, 5)
    much = [
        report(
            10_000 + 1000 * week + n,
            300 + n % 20 * 3,
            203,
            now,
            observed_at=now - timedelta(days=7 * week + 1),
        )
        for week in range(5)
        for n in range(160 // 2**week)
    ]
    findings.put_many(town, inspector, much, now=now)
    analyst = Analyst(town)
    assert len(hotspot_places.periods(analyst, Asked())) - 1 == 4
    worst = hotspots.find(analyst, Asked()).blocks["block_observed"].idxmax()
    assert hotspot_places.place(analyst, Asked(), str(worst), now).label == "rising"


def test_forecasts_are_tested_on_periods_they_have_not_seen(
    town: Site, inspector: Account, now: datetime
) -> None:
    walk_everywhere(town, inspector, now)
    assert hotspot_forecasts.test(Analyst(town), Asked()) is None
    walk_and_report_weekly(town, inspector, now, 8)
    tested = hotspot_forecasts.test(Analyst(town), Asked())
    assert tested is not None
    assert tested.means.index.tolist() == list(hotspot_forecasts.NAMES)
    assert (tested.means["n_periods"] == 5).all()
    assert tested.days_a_period == pytest.approx(50 / 8, abs=0.01)
    # the same blocks are as bad each week: any forecast that looks back finds the worst there are
    assert tested.means.loc["patrol-corrected", "pei"] > 0.9
    effort = coverage.effort_by_period(Analyst(town), hotspot_forecasts.periods(Analyst(town), Asked()))
    assert effort.sum() == pytest.approx(coverage.effort(Analyst(town), None, None)["metres"].sum())
    assert hotspot_forecasts.test(Analyst(town), Asked(stream="public")) is None
