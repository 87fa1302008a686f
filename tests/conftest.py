"""A small town by hand, on both stores; three people; a clock that stands still."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import geopandas as gpd
import numpy as np
import psycopg
import pytest
import shapely
from sqlalchemy import make_url

from layers import people
from layers.city import districts, key_points, networks
from layers.field.findings import Position, Report
from layers.people import Account
from layers.site import Site

SHARED = Path(__file__).parents[2] / "shared" / "data"
POSTGRES = os.environ.get(
    "XUNCHA_TEST_POSTGRES", "postgresql+psycopg://xuncha:xuncha@127.0.0.1:5432/xuncha_test"
)
IN_CI = os.environ.get("CI") == "true"

# Beichen, Tianjin; CGCS2000 / 3-degree Gauss-Kruger CM 117E
CRS = "EPSG:4548"
ORIGIN = (511_000.0, 4_343_000.0)
EAST_WEST = ("北仓道", "光荣道", "淮东路", "果园南道", "龙洲道")
NORTH_SOUTH = ("京津公路", "辰昌路", "秋怡道", "高峰路", "延吉道")
SPACING_M = 200.0


def shared(*parts: str) -> Path:
    """Return a file of real data, or skip, saying so."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no real data at {path}")
    return path


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 8, 23, 8, 0, tzinfo=UTC)


def _postgres_error() -> str | None:
    url = make_url(POSTGRES).set(drivername="postgresql")
    try:
        with psycopg.connect(url.render_as_string(hide_password=False), connect_timeout=3) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    except psycopg.Error as error:
        return str(error).strip()
    return None


@pytest.fixture(scope="session")
def postgres() -> str:
    """Return the address of a PostgreSQL server with PostGIS; in CI there must be one."""
    error = _postgres_error()
    if error is None:
        return POSTGRES
    if IN_CI:
        pytest.fail(f"no PostGIS at {POSTGRES}: {error}")
    pytest.skip(f"no PostGIS at {POSTGRES}: {error}")


@pytest.fixture(params=["gpkg", pytest.param("postgis", marks=pytest.mark.postgis)])
def store_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Give each store in turn: None for the GeoPackage, else an address with an empty schema of its own."""
    if request.param == "gpkg":
        yield None
        return
    url = make_url(request.getfixturevalue("postgres"))
    schema = f"test_{uuid4().hex}"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        in_schema = url.update_query_dict({"options": f"-csearch_path={schema},public"})
        yield in_schema.render_as_string(hide_password=False)
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def site(tmp_path: Path, store_url: str | None, now: datetime) -> Iterator[Site]:
    """Give a new site without any data."""
    site = Site.create(tmp_path / "home", now=now, store_url=store_url, busy_timeout_s=5.0)
    yield site
    site.close()


def add_account(site: Site, login: str, role: str, now: datetime) -> Account:
    with site.store.write() as conn:
        return people.create(conn, login, login.title(), role, password=None, now=now)


@pytest.fixture
def inspector(site: Site, now: datetime) -> Account:
    return add_account(site, "zhang", "inspector", now)


@pytest.fixture
def colleague(site: Site, now: datetime) -> Account:
    return add_account(site, "li", "inspector", now)


@pytest.fixture
def supervisor(site: Site, now: datetime) -> Account:
    return add_account(site, "wang", "supervisor", now)


def at(east_m: float, north_m: float) -> tuple[float, float]:
    """Return longitude and latitude of a place in the town, in metres from its south-west corner."""
    point = gpd.GeoSeries([shapely.Point(ORIGIN[0] + east_m, ORIGIN[1] + north_m)], crs=CRS).to_crs(4326)
    return point.x[0], point.y[0]


def in_town(shapes: list[shapely.Geometry]) -> gpd.GeoSeries:
    """Return shapes given in metres from the town's corner, in degrees."""
    moved = shapely.transform(np.array(shapes, dtype=object), lambda xy: xy + np.array(ORIGIN))
    return gpd.GeoSeries(moved, crs=CRS).to_crs(4326)


@pytest.fixture(scope="session")
def streets() -> gpd.GeoDataFrame:
    """Five streets each way, 200 m apart, not split at the intersections."""
    steps = np.arange(5) * SPACING_M
    lines = [shapely.LineString([(x, y) for x in steps]) for y in steps]
    lines += [shapely.LineString([(x, y) for y in steps]) for x in steps]
    return gpd.GeoDataFrame(
        {
            "source_id": [f"w{number}" for number in range(10)],
            "name": [*EAST_WEST, *NORTH_SOUTH],
            "class": ["residential"] * 10,
            "one_way": [0] * 10,
            "layer": [0] * 10,
            "bridge": [False] * 10,
            "tunnel": [False] * 10,
            "width_m": [None] * 10,
            "lanes": [2] * 10,
        },
        geometry=in_town(lines),
        crs="EPSG:4326",
    )


@pytest.fixture(scope="session")
def places() -> gpd.GeoDataFrame:
    """A primary school with its ground, a market and a bus stop as points."""
    shapes = [shapely.box(20, 20, 120, 120), shapely.Point(500, 410), shapely.Point(210, 5)]
    return gpd.GeoDataFrame(
        {
            "source_id": ["w100", "n101", "n102"],
            "kind": ["primary", "market", "bus_stop"],
            "name": ["普育小学", "果园南道菜市场", None],
        },
        geometry=in_town(shapes),
        crs="EPSG:4326",
    )


@pytest.fixture(scope="session")
def gates() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "key_point_source_id": ["w100", "w100"],
            "source_id": ["n200", "n201"],
            "kind": ["main", "entrance"],
            "name": ["正门", None],
        },
        geometry=in_town([shapely.Point(70, 20), shapely.Point(120, 70)]),
        crs="EPSG:4326",
    )


@pytest.fixture(scope="session")
def areas() -> gpd.GeoDataFrame:
    """One subdistrict, two communities in it side by side."""
    shapes = [
        shapely.box(-500, -500, 1500, 1500),
        shapely.box(-500, -500, 400, 1500),
        shapely.box(400, -500, 1500, 1500),
    ]
    return gpd.GeoDataFrame(
        {
            "source_id": ["r1", "r2", "r3"],
            "level": ["subdistrict", "community", "community"],
            "code": ["120113001", None, None],
            "name": ["果园新村街道", "西社区", "东社区"],
        },
        geometry=in_town(shapes),
        crs="EPSG:4326",
    )


@pytest.fixture
def town(  # noqa: PLR0917  a town has that many parts
    site: Site,
    streets: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    now: datetime,
) -> Site:
    """Give a site with the town in it."""
    networks.add(site, streets, "town", "by hand", now=now)
    key_points.replace(site, "town", places, gates, now=now)
    districts.replace(site, "town", areas, now=now)
    return site


def report(number: int, east_m: float, north_m: float, now: datetime, **changes: object) -> Report:
    """Return a report of trading on the road at a place in the town."""
    lon, lat = at(east_m, north_m)
    plain = Report(
        uuid=str(UUID(int=number, version=4)),
        scheme="gbt30428-2013-event",
        code="0406",
        observed_at=now - timedelta(hours=1),
        position=Position(x=lon, y=lat, frame="wgs84", accuracy_m=9.0, accuracy_kind="r68"),
        note="占道经营",
    )
    return replace(plain, **changes)
