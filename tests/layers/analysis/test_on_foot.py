"""Crossings and barriers said of one by one, and the verdicts that wait for them."""

from datetime import datetime

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from sqlalchemy import select

from layers.analysis import on_foot, verdicts
from layers.analysis.questions import Analyst
from layers.city import clearance_rules, foot_statements, key_points, networks
from layers.errors import ConflictError, InvalidError
from layers.field.asking import FindingFilter
from layers.site import Site
from layers.store.schema import history
from tests.conftest import at, in_town


@pytest.fixture
def walked(town: Site, now: datetime) -> Site:
    """Give a town with an internet cafe near the school, judged by a walked rule."""
    shop = gpd.GeoDataFrame(
        {"source_id": ["a"], "kind": ["internet_cafe"]},
        geometry=in_town([shapely.Point(100, -20)]),
        crs=4326,
    )
    key_points.replace(town, "shops", shop, now=now)
    clearance_rules.use(town, clearance_rules.SITE_RULE, False, now=now)
    clearance_rules.use(town, "CN-NET-200-gate-walk", True, now=now)
    return town


def judged(site: Site, now: datetime) -> "pd.Series[object]":
    return verdicts.audit(Analyst(site), FindingFilter(), now).iloc[0]


def say(
    site: Site, keys: list[str], state: str, now: datetime, place: tuple[float, float] | None = None
) -> int:
    with site.store.write() as conn:
        return foot_statements.say(conn, keys, state, network_version=1, now=now, by=None, at=place)


def vouch(site: Site, fid: int | None, state: str, now: datetime) -> bool:
    with site.store.write() as conn:
        return foot_statements.vouch(conn, fid, state, network_version=1, now=now, by=None)


def school(site: Site) -> int:
    with site.store.read() as conn:
        return int(key_points.read(conn, ("primary",))["fid"].iloc[0])


def test_a_verdict_waits_for_the_ways_on_its_walk_and_is_decided_once_these_are_verified(
    walked: Site, now: datetime
) -> None:
    first = judged(walked, now)
    assert first["verdict"] == "indeterminate" and len(first["waits_for"]) >= 1
    waiting = list(first["waits_for"])
    say(walked, waiting[:1], "usable", now)
    assert list(judged(walked, now)["waits_for"]) == waiting[1:]
    say(walked, waiting, "usable", now)
    then = judged(walked, now)
    assert then["waits_for"] == () and then["walked_m"] == first["walked_m"]
    assert then["network_version"] == f"1.{len(waiting)}"
    # the walk is inside the limit: verified ways alone prove the breach
    assert (then["walked_m"] <= 190) == (then["verdict"] == "breach")
    with walked.store.read() as conn:
        told = conn.execute(select(history.c.noun_id).where(history.c.noun == "foot_way")).scalars().all()
    assert sorted(told) == sorted(waiting)


def test_a_barrier_lengthens_the_walk_and_taking_it_back_shortens_it_again(
    walked: Site, now: datetime
) -> None:
    first = judged(walked, now)
    key = str(first["waits_for"][0])
    network = walked.network
    middle = network.projection.to_lonlat([network.line(key).interpolate(0.5, normalized=True).coords[0]])[
        0
    ].tolist()
    say(walked, [key], "barrier", now, tuple(middle))
    cut = judged(walked, now)
    say(walked, [key], "absent", now)
    gone = judged(walked, now)
    assert pd.isna(gone["walked_m"]) or gone["walked_m"] >= first["walked_m"] - 1e-6
    assert cut["network_version"] == "1.1" and gone["network_version"] == "1.2"
    pieces = on_foot.network(Analyst(walked))
    assert pieces is not None and key not in set(pieces.pieces["path_id"])
    say(walked, [key], "withdrawn", now)
    assert judged(walked, now)["walked_m"] == first["walked_m"]


def test_a_way_with_a_barrier_ends_there_on_both_sides(walked: Site, now: datetime) -> None:
    key = str(judged(walked, now)["waits_for"][0])
    network = walked.network
    place = network.projection.to_lonlat([network.line(key).interpolate(80.0).coords[0]])[0]
    say(walked, [key], "barrier", now, (float(place[0]), float(place[1])))
    foot = on_foot.network(Analyst(walked))
    assert foot is not None
    own = foot.pieces[foot.pieces["path_id"].eq(key)]
    assert own.length.tolist() == pytest.approx([79.8, 119.8], abs=0.01)


def test_only_where_nothing_is_missing_a_long_walk_proves_that_somebody_is_outside(
    walked: Site, now: datetime
) -> None:
    rule = next(one for one in clearance_rules.shipped() if one["id"] == "CN-NET-200-gate-walk")
    walk = float(str(judged(walked, now)["walked_m"]))
    straight = float(str(judged(walked, now)["straight_m"]))
    clearance_rules.change(walked, {**rule, "distance_m": straight + 9}, now=now)
    assert walk - straight > 15
    waiting = list(judged(walked, now)["waits_for"])
    say(walked, waiting, "usable", now)
    assert judged(walked, now)["verdict"] == "indeterminate"
    assert vouch(walked, school(walked), "complete", now)
    assert not vouch(walked, school(walked), "complete", now)
    assert judged(walked, now)["verdict"] == "clear"
    vouch(walked, school(walked), "withdrawn", now)
    assert judged(walked, now)["verdict"] == "indeterminate"
    vouch(walked, None, "complete", now)
    assert judged(walked, now)["verdict"] == "clear"


def test_what_was_vouched_for_holds_for_these_streets_and_what_was_said_of_a_way_while_it_is_the_same(
    walked: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    waiting = list(judged(walked, now)["waits_for"])
    say(walked, waiting, "usable", now)
    vouch(walked, None, "complete", now)
    analyst = Analyst(walked)
    ways = on_foot.look(analyst)
    assert ways is not None and ways.everything
    networks.add(walked, streets.iloc[:9], "town", now=now)
    later = on_foot.look(analyst)
    assert later is not None and not later.everything
    assert set(waiting) <= set(later.said.ways)


def test_what_nobody_can_say_is_refused_and_two_who_disagree_at_once_are_told(
    walked: Site, now: datetime
) -> None:
    key = str(judged(walked, now)["waits_for"][0])
    with pytest.raises(InvalidError, match="nothing to say of a way"):
        say(walked, [key], "complete", now)
    with pytest.raises(InvalidError, match="no place on earth"):
        say(walked, [key], "barrier", now, (999.0, 0.0))
    assert say(walked, [key, key], "usable", now) == 1
    assert say(walked, [key], "usable", now) == 0
    with pytest.raises(ConflictError), walked.store.write() as conn:
        foot_statements.say(conn, [key], "absent", network_version=1, now=now, by=None, looked_at=0)


def test_pavements_and_paths_need_nobodys_word(town: Site, streets: gpd.GeoDataFrame, now: datetime) -> None:
    lines = [shapely.LineString([at(10, y), at(190, y)]) for y in (5, 7, 9)]
    feet = gpd.GeoDataFrame({"footway": ["sidewalk", "crossing", "path"]}, geometry=lines, crs=4326)
    both = pd.concat([streets.to_crs(4326), feet], ignore_index=True)
    networks.add(town, both, "town", now=now)
    place = shapely.Point(at(100, 7))
    near = on_foot.near(Analyst(town), place, 20.0)
    assert sorted(near["kind"]) == ["crossing", "street"]
