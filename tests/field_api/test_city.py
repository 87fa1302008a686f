"""The city over HTTP: categories, blocks, key points, areas."""

from datetime import datetime
from typing import Any

import geopandas as gpd
from flask import Flask

import field_api
from layers import tokens
from layers.city import key_points, networks
from layers.people import Account
from layers.site import Site
from tests.conftest import at
from tests.field_api.conftest import Person, finding, track, uuid


def box(west_m: float, south_m: float, east_m: float, north_m: float) -> str:
    west, south = at(west_m, south_m)
    east, north = at(east_m, north_m)
    return f"{west},{south},{east},{north}"


def walk(person: Person, path: str) -> list[dict[str, Any]]:
    """Return the features of all pages."""
    found: list[dict[str, Any]] = []
    onward = "/api/v1" + path
    while onward:
        answer = person.get(onward.removeprefix("/api/v1"))
        assert answer.status_code == 200, answer.text
        assert answer.json["numberReturned"] == len(answer.json["features"])
        found += answer.json["features"]
        onward = next((link["href"] for link in answer.json["links"] if link["rel"] == "next"), "")
    return found


def test_categories_come_in_both_languages(me: Person) -> None:
    known = me.get("/categories").json
    found = {each["id"]: each for each in known["categories"]}["gbt30428-2013-event.0406"]
    assert (found["name_zh"], found["name_en"], found["kind"]) == ("占道经营", "trading on the road", "state")
    assert {"id": "primary", "name_zh": "小学", "name_en": "primary school"} in known["key_point_kinds"]
    assert {"id": "grid", "name_zh": "网格", "name_en": "grid"} in known["district_levels"]
    assert "xuncha-ext" in [scheme["id"] for scheme in known["schemes"]]


def test_blocks_of_a_box(me: Person) -> None:
    found = me.get(f"/blocks?bbox={box(50, 150, 150, 250)}")
    assert found.mimetype == "application/geo+json"
    assert [each["properties"]["name"] for each in found.json["features"]] == ["光荣道"]
    block = found.json["features"][0]
    assert block["id"] == block["properties"]["block_id"]
    assert block["properties"]["class"] == "residential"
    assert block["properties"]["width_m"] is None
    assert abs(block["properties"]["length_m"] - 200) < 0.1
    assert block["geometry"]["type"] == "LineString"
    assert found.json["attribution"] == "by hand"


def test_pages_of_blocks_hold_each_block_once(me: Person) -> None:
    found = walk(me, "/blocks?limit=7")
    assert len(found) == len({each["id"] for each in found}) == 40


def test_a_walk_through_blocks_stays_on_its_network(
    me: Person, town: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    first = me.get("/blocks?limit=30").json
    networks.add(town, streets.iloc[:5], "town", None, now=now)
    onward = next(link["href"] for link in first["links"] if link["rel"] == "next")
    rest = walk(me, onward.removeprefix("/api/v1"))
    assert len(first["features"]) + len(rest) == 40
    assert {each["properties"]["network_version"] for each in rest} == {1}
    assert {each["properties"]["network_version"] for each in walk(me, "/blocks")} == {2}


def test_key_points_by_kind_and_box(me: Person) -> None:
    assert len(walk(me, "/key-points?limit=2")) == 3
    school = walk(me, "/key-points?kind=primary&kind=secondary")
    assert [each["properties"]["name"] for each in school] == ["普育小学"]
    assert school[0]["geometry"]["type"] == "Polygon"
    near = walk(me, f"/key-points?bbox={box(490, 400, 510, 420)}")
    assert [each["properties"]["kind_name"] for each in near] == ["集贸市场"]


def test_a_key_point_that_is_gone_is_not_shown(
    me: Person, town: Site, places: gpd.GeoDataFrame, now: datetime
) -> None:
    key_points.replace(town, "town", places.iloc[:2], now=now)
    assert len(walk(me, "/key-points")) == 2


def test_districts_by_level(me: Person) -> None:
    found = walk(me, "/districts?level=community")
    assert [each["properties"]["name"] for each in found] == ["西社区", "东社区"]
    assert found[0]["properties"]["level_name"] == "社区、村"
    assert found[0]["geometry"]["type"] == "MultiPolygon"


def test_bad_questions_are_named(me: Person) -> None:
    bad = [
        ("after=x", "after"),
        ("after=1.x", "after"),
        ("limit=0", "limit"),
        ("bbox=1,2", "bbox"),
        ("x=1", "x"),
    ]
    for path in ("/blocks", "/key-points", "/districts"):
        for query, field in bad:
            answer = me.get(f"{path}?{query}")
            assert (answer.status_code, answer.json["error"]["field"]) == (422, field), (path, query)
    assert me.get("/categories?x=1").status_code == 422
    assert me.get("/blocks?after=9.5").json["error"]["field"] == "after"
    told = me.get("/key-points?kind=castle").json["error"]
    assert (told["field"], "primary" in told["message"]) == ("kind.0", True)
    assert me.get("/districts?level=planet").json["error"]["field"] == "level.0"


def test_a_site_without_anything_has_empty_collections(site: Site, inspector: Account, now: datetime) -> None:
    app = Flask("xuncha")
    app.testing = True
    field_api.register(app, site, clock=lambda: now)
    with site.store.write() as conn:
        me = Person(app.test_client(), tokens.issue(conn, inspector.id, "phone", now=now))
    for path in ("/blocks", "/key-points", "/districts", "/findings"):
        assert me.get(path).json["features"] == []
    answer = me.put(f"/findings/{uuid(1)}", json=finding())
    assert (answer.status_code, answer.json["placement"]) == (201, None)
    assert me.put(f"/tracks/{uuid(1)}", json=track()).status_code == 201
