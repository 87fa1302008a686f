"""Tracks over HTTP, as JSON and as GPX."""

from typing import Any

import pytest

from layers.field import coverage
from layers.site import Site
from tests.field_api.conftest import Person, track, uuid, without

GPX = "application/gpx+xml"


def gpx(points: list[dict[str, Any]], head: str = "") -> str:
    """Return fixes as GPX 1.1, the way that phones write it."""
    fixes = "".join(
        f'<trkpt lat="{each["lat"]}" lon="{each["lon"]}"><ele>3</ele><time>{each["at"]}</time>'
        f"<extensions><accuracy>{each['accuracy_m']}</accuracy></extensions></trkpt>"
        for each in points
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<gpx version="1.1" creator="test" '
        f'xmlns="http://www.topografix.com/GPX/1/1"><trk><name>巡查</name><trkseg>{fixes}</trkseg></trk></gpx>'
    )


def test_a_track_is_created_then_the_same_then_a_conflict(me: Person) -> None:
    first, again = (me.put(f"/tracks/{uuid(1)}", json=track()) for _ in range(2))
    other = me.put(f"/tracks/{uuid(1)}", json=track(11))
    assert [each.status_code for each in (first, again, other)] == [201, 200, 409]
    assert first.json == again.json == me.get(f"/tracks/{uuid(1)}").json
    assert (first.json["n_fixes"], first.json["mode"]) == (12, "foot")
    assert first.json["geometry"]["type"] == "LineString"
    assert len(first.json["geometry"]["coordinates"]) == 12


def test_a_track_along_a_street_covers_its_blocks(me: Person, town: Site) -> None:
    me.put(f"/tracks/{uuid(1)}", json=track(18))
    covered = coverage.intervals(town)
    assert covered["state"].tolist() == ["inspected"]
    assert (covered["to_m"] - covered["from_m"]).sum() > 50


def test_fixes_may_come_in_any_order(me: Person) -> None:
    first = me.put(f"/tracks/{uuid(1)}", json=track())
    shuffled = track()
    shuffled["fixes"].reverse()
    assert me.put(f"/tracks/{uuid(1)}", json=shuffled).json == first.json


def test_gpx_is_the_same_track_as_json(me: Person) -> None:
    body = track()
    first = me.put(f"/tracks/{uuid(1)}", json=body)
    again = me.put(
        f"/tracks/{uuid(1)}?mode=foot&accuracy_kind=r68", data=gpx(body["fixes"]), content_type=GPX
    )
    assert (again.status_code, again.json) == (200, first.json)


def test_gpx_from_a_phone_that_writes_gcj02_can_say_so(me: Person) -> None:
    answer = me.put(f"/tracks/{uuid(1)}?frame=gcj02", data=gpx(track()["fixes"]), content_type=GPX)
    assert answer.status_code == 201
    moved, sent = answer.json["geometry"]["coordinates"][0], track()["fixes"][0]
    assert abs(moved[0] - sent["lon"]) > 0.005


def test_a_bad_track_is_refused_by_field(me: Person) -> None:
    fix = track()["fixes"][0]
    bad = [
        (without(track(), "frame"), "frame"),
        (track(frame="gps"), "frame"),
        (track(mode="horse"), "mode"),
        (track(fixes=[]), "fixes"),
        (track(fixes=[fix]), "fixes"),
        (track(fixes=[fix, without(fix, "at")]), "fixes.1.at"),
        (track(fixes=[fix, {**fix, "lon": "117"}]), "fixes.1.lon"),
        (track(fixes=[fix, {**fix, "at": "2026-08-23T14:00:05"}]), "fixes.1.at"),
        (track(fixes=[fix, {**fix, "at": "2027-08-23T14:00:05Z"}]), "fixes"),
        (track(fixes=[fix, {**fix, "lon": fix["lat"], "lat": fix["lon"]}]), "fixes"),
        (track(fixes=[fix, {**fix, "speed": 1}]), "fixes.1.speed"),
        (track(colour="red"), "colour"),
        ([1, 2], "body"),
    ]
    for body, field in bad:
        answer = me.put(f"/tracks/{uuid(1)}", json=body)
        assert (answer.status_code, answer.json["error"]["field"]) == (422, field), answer.text
    assert me.get(f"/tracks/{uuid(1)}").status_code == 404


def test_the_row_of_a_bad_fix_is_told(me: Person) -> None:
    body = track()
    body["fixes"][7]["at"] = "2027-08-23T14:00:05Z"
    assert me.put(f"/tracks/{uuid(1)}", json=body).json["error"]["row"] == 7


ENTITY = '<!DOCTYPE gpx [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
LAUGHS = '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        gpx(track()["fixes"], ENTITY),
        gpx(track()["fixes"], LAUGHS),
        gpx(track()["fixes"])[:-40],
        "",
        "not xml",
        '<?xml version="1.0"?><kml/>',
        gpx(track()["fixes"]).replace("UTF-8", "UTF-7"),
        '<?xml version="1.0" encoding="no-such-thing"?><gpx/>',
    ],
    ids=["entity", "laughs", "cut", "empty", "text", "kml", "encoding", "unknown encoding"],
)
def test_gpx_that_is_not_gpx_is_refused(me: Person, body: str) -> None:
    answer = me.put(f"/tracks/{uuid(1)}", data=body, content_type=GPX)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "unreadable")
    assert "passwd" not in answer.text


def test_a_fix_without_time_or_place_is_named_by_its_row(me: Person) -> None:
    fixes = track()["fixes"]
    changes = [
        (f"<time>{fixes[3]['at']}</time>", "", 3),
        (f"<time>{fixes[0]['at']}</time>", "<time>noon</time>", 0),
        (f' lon="{fixes[2]["lon"]}"', "", 2),
        (f' lon="{fixes[1]["lon"]}"', ' lon="east"', 1),
        ("<accuracy>3.0</accuracy>", "<accuracy>good</accuracy>", 0),
    ]
    for old, new, row in changes:
        answer = me.put(f"/tracks/{uuid(1)}", data=gpx(fixes).replace(old, new, 1), content_type=GPX)
        told = answer.json["error"]
        assert (answer.status_code, told["field"], told["row"]) == (422, "fixes", row)


def test_a_gpx_without_fixes_has_too_few(me: Person) -> None:
    answer = me.put(f"/tracks/{uuid(1)}", data="<gpx/>", content_type=GPX)
    assert (answer.status_code, answer.json["error"]["field"]) == (422, "fixes")


def test_what_a_json_track_says_of_itself_is_not_said_in_the_address(me: Person) -> None:
    answer = me.put(f"/tracks/{uuid(1)}?frame=gcj02", json=track())
    assert (answer.status_code, answer.json["error"]["field"]) == (422, "frame")


def test_one_reads_ones_own_track_a_supervisor_all_a_colleague_nothing(
    me: Person, other: Person, boss: Person
) -> None:
    me.put(f"/tracks/{uuid(1)}", json=track())
    assert [each.get(f"/tracks/{uuid(1)}").status_code for each in (me, boss, other)] == [200, 200, 404]
    assert other.put(f"/tracks/{uuid(1)}", json=track()).status_code == 409
