"""Coverage asked in many ways, of a town with two patrols: one of yesterday's night, one of last week."""

from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd
import pytest

from layers import teams
from layers.analysis import coverage_choice, coverage_sides, coverage_tables
from layers.analysis.coverage_choice import Asked
from layers.analysis.questions import Analyst
from layers.field import tracks
from layers.people import Account
from layers.site import Site
from tests.layers.field.test_tracks import along, walk

EVERYTHING = Asked()


@pytest.fixture
def analyst(town: Site, inspector: Account, supervisor: Account, now: datetime) -> Analyst:
    """Give a town where 300 m were driven in the afternoon of today, and 700 m on foot eight days ago."""
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now), now=now)
    on_foot = replace(walk(along(406, 50, 750, 141), now - timedelta(days=8), 2), mode="foot")
    with town.store.write() as conn:
        teams.join(conn, supervisor.id, "一组", since=now - timedelta(days=9), now=now, by=None)
    tracks.put(town, supervisor, on_foot, now=now)
    return Analyst(town)


def test_tables_by_area_and_class_add_up_to_the_streets(analyst: Analyst, now: datetime) -> None:
    total = analyst.site.network.blocks.length.sum()
    by_class = coverage_tables.by_class(analyst, EVERYTHING, now)
    states = by_class[["inspected", "passed", "unknown", "not visited"]].to_numpy()
    assert states.sum() == pytest.approx(total, abs=0.1)
    assert by_class["inspected"].sum() == pytest.approx(1000, abs=20)
    assert by_class["effort_m"].sum() == pytest.approx(1000, abs=20)
    assert (by_class["never_m"] <= by_class["overdue_m"] + 0.001).all()
    level = coverage_tables.level_of(analyst, EVERYTHING)
    assert level is not None
    by_area = coverage_tables.by_area(analyst, EVERYTHING, level)
    assert by_area["share"].is_monotonic_increasing
    assert by_area["length_m"].sum() <= total + 0.1


def test_a_side_walked_on_is_not_the_other_side(analyst: Analyst) -> None:
    cut = coverage_sides.each(analyst, replace(EVERYTHING, team="一组"))
    seen = cut[cut["state"] == "inspected"]
    metres = (seen["to_m"] - seen["from_m"]).groupby(seen["side"]).sum()
    assert sorted(metres.to_dict().values())[-1] == pytest.approx(700, abs=20)
    assert len(metres) == 1


def test_who_went_when_is_counted_once_per_stretch(analyst: Analyst, now: datetime) -> None:
    by_team = coverage_tables.by_team(analyst, EVERYTHING)
    assert by_team.loc["一组", "inspected"] == pytest.approx(700, abs=20)
    assert by_team.loc["", "inspected"] == pytest.approx(300, abs=12)
    assert by_team["n_people"].tolist() == [1, 1]
    by_shift = coverage_tables.by_shift(analyst, EVERYTHING)
    assert by_shift.index.tolist() == ["day"]
    assert by_shift["n_tracks"].sum() == 2
    pairs = coverage_tables.by_team_and_shift(analyst, EVERYTHING)
    assert sorted(pairs) == [("", "day"), ("一组", "day")]
    assert pairs["一组", "day"][0] == pytest.approx(700, abs=20)
    steps = coverage_sides.steps(analyst, EVERYTHING, "day")
    assert len(steps) == 9
    by_step = coverage_tables.by_step(analyst, EVERYTHING, steps)
    assert by_step["inspected"].to_numpy() == pytest.approx([700, 0, 0, 0, 0, 0, 0, 0, 300], abs=20)
    weeks = coverage_sides.steps(analyst, EVERYTHING, "week")
    assert [week.until - week.since for week in weeks] == [timedelta(days=2), timedelta(days=7)]


def test_what_is_asked_narrows_passes_and_streets(analyst: Analyst, now: datetime) -> None:
    def metres(**asked: object) -> float:
        found = coverage_choice.chosen(analyst, Asked(**asked))  # type: ignore[arg-type]
        seen = found[found["state"] == "inspected"]
        return float((seen["to_m"] - seen["from_m"]).sum())

    assert metres(since=now - timedelta(days=1)) == pytest.approx(300, abs=12)
    assert metres(until=now - timedelta(days=1)) == pytest.approx(700, abs=20)
    assert metres(team="") == pytest.approx(300, abs=12)
    assert metres(shift="night") == 0
    assert metres(street_class="none such") == 0
    west = analyst.site.districts.frame.query("name == '西社区'")["fid"].iloc[0]
    streets = coverage_choice.streets(analyst, Asked(district_id=west))
    assert 0 < len(streets) < len(analyst.site.network.blocks)
    assert len(coverage_choice.streets(analyst, Asked(within=()))) == 0


def test_the_sentence_tells_what_was_not_seen_and_where_most_of_it_is(
    analyst: Analyst, now: datetime
) -> None:
    told = coverage_tables.not_seen(analyst, EVERYTHING, 7, now)
    assert told.total_km - told.km == pytest.approx(0.3, abs=0.012)
    assert told.worst is not None
    assert told.worst_km <= told.worst_total_km
    assert coverage_tables.not_seen(analyst, EVERYTHING, 14, now).km == pytest.approx(told.km - 0.7, abs=0.03)
    later = coverage_tables.not_seen(analyst, EVERYTHING, 7, now + timedelta(days=20))
    assert later.km == pytest.approx(told.total_km)


def test_what_was_not_seen_counts_from_the_moment_that_the_ages_of_the_map_count_from(
    analyst: Analyst, now: datetime
) -> None:
    cut = coverage_sides.whole(analyst, EVERYTHING)
    last = cut["inspected_at"].max().to_pydatetime()
    for after in (timedelta(0), timedelta(minutes=1), timedelta(hours=9)):
        at = last + timedelta(days=7) + after
        age = (pd.Timestamp(at) - cut["inspected_at"]).dt.total_seconds() / 86400
        old = ~(age <= 7)
        unseen = (cut["to_m"] - cut["from_m"])[old].sum() / 1000
        assert coverage_tables.not_seen(analyst, EVERYTHING, 7, at).km == pytest.approx(unseen)
    # the period's end counts, its beginning is that of the days asked about
    ended = replace(EVERYTHING, since=now, until=now - timedelta(days=1))
    told = coverage_tables.not_seen(analyst, ended, 14, now)
    assert told.total_km - told.km == pytest.approx(0.7, abs=0.02)


def test_streets_most_overdue_come_first_and_no_street_is_nothing(analyst: Analyst, now: datetime) -> None:
    table = coverage_tables.overdue_streets(analyst, EVERYTHING, now)
    assert table["metres"].is_monotonic_decreasing
    nowhere = Asked(within=())
    assert coverage_tables.overdue_streets(analyst, nowhere, now).empty
    assert coverage_tables.not_seen(analyst, nowhere, 14, now).total_km == 0
    assert coverage_tables.by_team(analyst, nowhere).empty


def test_it_is_told_what_coverage_rests_on(analyst: Analyst, now: datetime) -> None:
    told = coverage_tables.rests(analyst, EVERYTHING)
    assert (told.n_tracks, told.n_people, told.n_fixes, told.n_unmatched) == (2, 2, 172, 0)
    assert told.effort_km == pytest.approx(1.0, abs=0.03)


def test_a_new_track_is_known_at_once(analyst: Analyst, inspector: Account, now: datetime) -> None:
    before = coverage_tables.rests(analyst, EVERYTHING)
    tracks.put(analyst.site, inspector, walk(along(600, 50, 350, 31), now, 3), now=now)
    assert coverage_tables.rests(analyst, EVERYTHING).n_tracks == before.n_tracks + 1
