"""A site opened on the small demo city: everything in by the public ways, whole or not at all."""

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from sqlalchemy import func, select

from data.demo import spots
from data.demo.measuring import measure
from data.demo.opening import Opened, open_city
from data.demo.replay import HOTLINE
from data.demo.sizes import SMALL
from geo import blocks as street_blocks
from layers import first_accounts, people
from layers.errors import ConflictError, UnauthorisedError
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.site import Site
from layers.store import schema
from tests.conftest import NOW
from xuncha import create_app

SHORT = replace(SMALL, days=4)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Opened]:
    home = tmp_path_factory.mktemp("opened") / "site" / "demo"
    return home, open_city(home, create_app, now=NOW, size=SMALL)


@pytest.fixture(scope="module")
def home(opened: tuple[Path, Opened]) -> Path:
    return opened[0]


@pytest.fixture(scope="module")
def site(home: Path) -> Iterator[Site]:
    site = Site.open(home, now=NOW)
    yield site
    site.close()


def count(site: Site, table: str) -> int:
    with site.store.read() as conn:
        return conn.execute(select(func.count()).select_from(schema.metadata.tables[table])).scalar_one()


def sent(home: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(home / "demo" / f"{name}.csv", dtype=str, keep_default_na=False)


def test_every_row_of_the_ground_is_in_the_site(site: Site, home: Path) -> None:
    files = {name: gpd.read_file(home / "demo" / f"{name}.gpkg") for name in ("streets", "areas", "gates")}
    streets = files["streets"]
    plain = streets[streets["class"] != "footway"].drop(columns="area")
    assert len(site.network.blocks) == len(street_blocks.build(plain))
    assert count(site, "street") == len(streets)
    assert count(site, "district") == len(files["areas"])
    assert count(site, "gate") == len(files["gates"])
    assert count(site, "key_point") == len(gpd.read_file(home / "demo" / "key_points.gpkg"))


def test_everything_that_was_sent_is_in_or_was_refused_aloud(
    site: Site, home: Path, opened: tuple[Path, Opened]
) -> None:
    handed = opened[1].handed
    complaints = sent(home, "complaints")
    assert handed.n_without_place == (complaints["lon"] == "").sum() > 0
    in_place = len(complaints) - handed.n_without_place
    assert handed.taken("complaints") + handed.refused("complaints") == in_place
    assert handed.taken("findings") + handed.refused("findings") == len(sent(home, "findings"))
    assert count(site, "finding") == handed.taken("findings") + handed.taken("complaints")
    assert count(site, "track") == handed.taken("tracks")
    outings = pd.concat(pd.read_parquet(path) for path in (home / "demo" / "tracks").glob("*.parquet"))
    assert handed.taken("tracks") == outings["track"].nunique()
    # nothing that these people send is wrong enough to be refused
    assert handed.reasons == {}


def test_each_report_is_its_inspector_s_and_came_when_it_came(site: Site, home: Path) -> None:
    rows = sent(home, "findings").set_index("uuid")
    chosen = (
        select(schema.finding, schema.account.c.login)
        .join(schema.account, schema.account.c.id == schema.finding.c.account_id)
        .order_by(schema.finding.c.fid)
    )
    with site.store.read() as conn:
        kept = pd.DataFrame(conn.execute(chosen).mappings().all()).set_index("uuid")
    of_public = kept[kept["channel"] == "public"]
    assert set(of_public["login"]) == {HOTLINE}
    assert set(of_public["position_source"]) == {"geocoded"}
    own = kept.drop(of_public.index)
    assert (own["login"] == rows["inspector"].reindex(own.index)).all()
    assert set(own["frame"]) == {"wgs84", "gcj02", "bd09"}
    sent_at = pd.to_datetime(rows["received_at"].reindex(own.index), utc=True)
    waited = pd.to_datetime(own["received_at"], utc=True) - sent_at
    assert waited.min() >= timedelta(0)
    assert waited.max() < timedelta(hours=SMALL.shift_hours + 0.5)
    assert kept["received_at"].is_monotonic_increasing


def test_the_month_ended_yesterday(site: Site, opened: tuple[Path, Opened]) -> None:
    zone = site.settings.zone
    days = findings.frame(site, FindingFilter())["observed_at"].dt.tz_convert(zone).dt.date
    yesterday = NOW.astimezone(zone).date() - timedelta(days=1)
    assert days.max() == yesterday
    assert opened[1].manifest["first_day"] == (yesterday - timedelta(days=SMALL.days - 1)).isoformat()


def test_placement_does_better_than_the_nearest_block_and_knows_when_it_is_sure(
    site: Site, home: Path
) -> None:
    ours, nearest = measure(site, home / "truth")
    assert ours.placement["n"] == nearest.placement["n"] > 300
    assert ours.placement["block_right"] > nearest.placement["block_right"]
    assert ours.placement["sure_share"] > 0.3
    assert ours.placement["sure_right"] > 0.9
    assert ours.coverage["right"] > 0.95
    assert ours.coverage["added"] < 0.05


def test_a_place_that_is_only_patrolled_more_is_no_hotspot_and_the_true_ones_stand_out(
    site: Site, home: Path
) -> None:
    found = spots.asked(site, home / "truth").set_index("true_spot")
    assert found.loc[False, "n_flagged"] == 0
    assert found.loc[False, "n_gi_star"] > 0
    assert found.loc[False, "ratio"] < 1.25
    # six and eleven blocks in ten days: `make prove` asks a district for a month
    assert (found.loc[True, "ratio"] > 1.75).all()
    assert found.loc[True, "n_flagged"].max() > 0


def test_one_account_of_each_post_has_a_password_and_no_token_is_left(
    site: Site, home: Path, opened: tuple[Path, Opened]
) -> None:
    kept = first_accounts.kept(home)
    assert kept == opened[1].accounts
    assert [one.post for one in kept] == ["inspector", "planner", "supervisor", "admin"]
    assert stat.S_IMODE((home / first_accounts.FILE_NAME).stat().st_mode) == 0o600
    with site.store.read() as conn:
        for one in kept:
            role = "supervisor" if one.post == "planner" else one.post
            assert people.authenticate(conn, one.login, one.password).role == role
        others = {one.login for one in people.all_accounts(conn)} - {one.login for one in kept}
        with pytest.raises(UnauthorisedError):
            people.authenticate(conn, min(others), "")
        hashes = conn.execute(select(schema.account.c.login, schema.account.c.password_hash)).all()
        assert {row.login for row in hashes if row.password_hash} == {one.login for one in kept}
        assert set(conn.execute(select(schema.token.c.revoked_at.is_(None))).scalars()) == {False}
    staff = json.loads((home / "demo" / "people.json").read_text(encoding="utf-8"))["accounts"]
    assert others | {one.login for one in kept} == {one["login"] for one in staff} | {HOTLINE}


def test_the_first_visit_says_that_the_city_is_invented(site: Site, home: Path) -> None:
    client = create_app(site, lambda: NOW).test_client()
    planner = first_accounts.kept(home)[1]
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    client.post("/login", data={"login": planner.login, "password": planner.password, "csrf_token": token})
    assert "/first-visit" in client.get("/").get_data(as_text=True)
    visit = client.get("/first-visit").get_data(as_text=True)
    assert "这座城区是虚构的" in visit
    assert "2026-08-13 至 2026-08-22" in visit
    # one's own part comes first
    assert visit.index("规划分析岗") < visit.index("督察员")
    for address in ("/maps/density", "/maps/coverage", "/school-surroundings", "/findings", "/field"):
        assert f'href="{address}"' in visit
        assert client.get(address).status_code == 200


def test_an_opening_cut_short_leaves_nothing_half_built_and_can_be_repeated(tmp_path: Path) -> None:
    home = tmp_path / "demo"

    def stop(step: str, done: int, total: int | None) -> None:
        if step == "handing in findings and tracks":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_city(home, create_app, now=NOW, size=SHORT, progress=stop)
    assert not home.exists()
    opened = open_city(home, create_app, now=NOW, size=SHORT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo"]
    assert opened.handed.taken("findings") == len(sent(home, "findings"))


def test_nothing_that_is_somebody_s_is_thrown_away(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    for folder in (home, tmp_path / "demo.part"):
        folder.mkdir()
        (folder / "thesis.txt").write_text("mine", encoding="utf-8")
        with pytest.raises(ConflictError, match="is not empty"):
            open_city(home, create_app, now=NOW, size=SHORT)
        assert (folder / "thesis.txt").exists()
        (folder / "thesis.txt").unlink()
