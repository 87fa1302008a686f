"""A small town by hand, on both stores; three people; a clock that stands still."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

import geopandas as gpd
import numpy as np
import psycopg
import pytest
import shapely
from sqlalchemy import BigInteger, make_url

from layers import people
from layers.city import districts, key_points, networks
from layers.field.findings import Position, Report
from layers.people import Account
from layers.site import Site
from layers.store import schema

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


NOW = datetime(2026, 8, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


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


def _sql(url: str, *statements: str) -> None:
    """Run statements in one transaction, with triggers and foreign keys asleep."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        for statement in ("SET session_replication_role = replica", *statements):
            connection.execute(statement)  # type: ignore[arg-type, unused-ignore]


@contextmanager
def own_schema(postgres: str) -> Iterator[str]:
    """Give the address of a schema of its own in a database."""
    name = f"test_{uuid4().hex}"
    _sql(postgres, f"CREATE SCHEMA {name}")
    address = make_url(postgres).update_query_dict({"options": f"-csearch_path={name},public"})
    try:
        yield address.render_as_string(hide_password=False)
    finally:
        _sql(postgres, f"DROP SCHEMA {name} CASCADE")


def lose_schema(url: str) -> None:
    """Let the database lose all that is at an address of `store_url`."""
    _sql(url, f"DROP SCHEMA {_schema_name(url)} CASCADE")


def _schema_name(url: str) -> str:
    return str(make_url(url).query["options"]).removeprefix("-csearch_path=").split(",")[0]


def _refill(source: str, target: str) -> None:
    """Make the rows of one schema those of another."""
    there, here = _schema_name(source), _schema_name(target)
    statements = [f"DELETE FROM {here}.{table.name}" for table in schema.metadata.sorted_tables]
    for table in schema.metadata.sorted_tables:
        name = f"{here}.{table.name}"
        statements.append(f"INSERT INTO {name} SELECT * FROM {there}.{table.name}")
        key = next(iter(table.primary_key))
        sequence = f"pg_get_serial_sequence('{name}', '{key.name}')"
        if key.autoincrement is not False and isinstance(key.type, BigInteger):
            last = f"(SELECT coalesce(max({key.name}), 0) + 1 FROM {name})"
            statements.append(f"SELECT setval({sequence}, {last}, false)")
    _sql(target, *statements)


@pytest.fixture(params=["gpkg", pytest.param("postgis", marks=pytest.mark.postgis)])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Give each kind of store in turn."""
    kind: str = request.param
    if kind == "postgis":
        request.getfixturevalue("postgres")
    return kind


@pytest.fixture
def store_url(store_kind: str, request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Give each store in turn: None for the GeoPackage, else the address of an empty schema."""
    if store_kind == "gpkg":
        yield None
        return
    with own_schema(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def made(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str, str], Site]]:
    """Give sites that are made once: by the kind of their store, and `empty`, `town` or `work`."""
    with ExitStack() as at_the_end:

        @cache
        def make(store_kind: str, what: str) -> Site:
            url = None
            if store_kind == "postgis":
                url = at_the_end.enter_context(own_schema(request.getfixturevalue("postgres")))
            home = tmp_path_factory.mktemp("made") / "home"
            site = Site.create(home, now=NOW, store_url=url, busy_timeout_s=5.0)
            if what == "town":
                _fill(site, request)
            site.close()
            return site

        yield make


def _fill(site: Site, request: pytest.FixtureRequest) -> None:
    give = request.getfixturevalue
    networks.add(site, give("streets"), "town", "by hand", now=NOW)
    key_points.replace(site, "town", give("places"), give("gates"), now=NOW)
    districts.replace(site, "town", give("areas"), now=NOW)


@pytest.fixture
def site(
    tmp_path: Path, store_kind: str, made: Callable[[str, str], Site], request: pytest.FixtureRequest
) -> Iterator[Site]:
    """Give a new site, empty, or with the town in it if the test asks for that too."""
    original = made(store_kind, "town" if "town" in request.fixturenames else "empty")
    home = tmp_path / "home"
    shutil.copytree(original.settings.home, home)
    if store_kind == "postgis":
        work = made(store_kind, "work")
        _refill(str(original.settings.store_url), str(work.settings.store_url))
        replace(work.settings, home=home).write()
    site = Site.open(home, now=NOW)
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


@pytest.fixture
def viewer(site: Site, now: datetime) -> Account:
    return add_account(site, "zhao", "viewer", now)


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
def town(site: Site) -> Site:
    """Give the site with the town in it; see `site`."""
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
