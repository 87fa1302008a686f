"""Findings over HTTP: sent, sent again, sent by twins, refused, read one by one and by pages."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from json import dumps
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from geo.datum import from_wgs84
from layers.field import decisions
from layers.people import Account
from layers.site import Site
from layers.store.schema import finding as finding_table
from layers.store.schema import history, placement
from tests.conftest import at
from tests.field_api.conftest import Person, finding, uuid, without


def count(site: Site, table: Any) -> int:
    with site.store.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_new_finding_is_created_and_says_what_was_understood(me: Person) -> None:
    answer = me.put(f"/findings/{uuid(1)}", json=finding())
    assert answer.status_code == 201
    found = answer.json
    assert found["uuid"] == uuid(1)
    assert found["category"] == "占道经营"
    assert found["placement"]["street_name"] == "光荣道"
    assert found["placement"]["outside"] is False
    assert 0.9 < found["placement"]["p_street"] <= 1
    assert found["placement"]["distance_m"] == pytest.approx(4, abs=0.1)
    assert found["placement"]["network_version"] == 1
    assert found["placement"]["method_version"]
    assert {"chainage_m", "side", "p_side", "p_block", "ambiguous"} <= found["placement"].keys()
    assert found["received_at"] == "2026-08-23T08:00:00Z"
    assert found["position"]["frame"] == "wgs84"


def test_the_answer_names_key_points_zones_and_districts(me: Person) -> None:
    found = me.put(f"/findings/{uuid(1)}", json=finding(70, 150)).json
    school = found["key_points"][0]
    assert (school["kind"], school["kind_name"], school["name"]) == ("primary", "小学", "普育小学")
    assert school["distance_m"] == pytest.approx(30, abs=0.5)
    assert [zone["name"] for zone in found["zones"]] == ["普育小学"]
    assert found["zones"][0]["p_inside"] > 0.99
    assert [area["name"] for area in found["districts"]["community"]] == ["西社区"]
    assert found["districts"]["subdistrict"][0]["code"] == "120113001"


def test_no_street_near_is_not_an_error(me: Person) -> None:
    answer = me.put(f"/findings/{uuid(1)}", json=finding(-300, -300))
    assert answer.status_code == 201
    assert answer.json["placement"]["outside"] is True
    assert answer.json["placement"]["block_id"] is None
    assert [area["name"] for area in answer.json["districts"]["community"]] == ["西社区"]


def test_what_was_observed_long_ago_is_taken_and_doubted(me: Person) -> None:
    sent = {"observed_at": "1971-05-01T08:00:00Z"}
    told = me.put(f"/findings/{uuid(1)}", json=finding(**sent))
    assert (told.status_code, told.json["doubts"]) == (201, ["long_ago"])
    assert me.get(f"/findings/{uuid(1)}").json["doubts"] == ["long_ago"]
    assert me.put(f"/findings/{uuid(2)}", json=finding()).json["doubts"] == []


def test_the_same_again_gets_200_and_the_same_answer(me: Person, town: Site) -> None:
    first = me.put(f"/findings/{uuid(1)}", json=finding())
    again = me.put(f"/findings/{uuid(1)}", json=finding())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    assert count(town, finding_table) == count(town, placement) == 1


def test_the_same_instant_in_another_zone_is_the_same(me: Person) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())
    again = me.put(f"/findings/{uuid(1)}", json=finding(observed_at="2026-08-23T07:00:00.000Z"))
    assert again.status_code == 200


def test_an_id_in_capitals_is_the_same_id(me: Person) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())
    again = me.put(f"/findings/{uuid(1).upper()}", json=finding())
    assert (again.status_code, again.json["uuid"]) == (200, uuid(1))


def test_other_content_under_the_same_id_is_a_conflict_and_changes_nothing(me: Person) -> None:
    first = me.put(f"/findings/{uuid(1)}", json=finding())
    other = me.put(f"/findings/{uuid(1)}", json=finding(note="流动摊贩"))
    assert other.status_code == 409
    assert other.json["error"]["code"] == "conflict"
    assert other.json["error"]["field"] == "uuid"
    assert me.get(f"/findings/{uuid(1)}").json == first.json


def test_a_colleagues_id_is_a_conflict_that_tells_nothing(me: Person, other: Person) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())
    for body in (finding(), finding(note="流动摊贩")):
        answer = other.put(f"/findings/{uuid(1)}", json=body)
        assert answer.status_code == 409
        assert set(answer.json["error"]) == {"code", "field", "message"}


def test_parallel_twins_make_one_record_and_get_one_answer(app: Flask, me: Person, town: Site) -> None:
    def send(_: int) -> tuple[int, Any]:
        answer = Person(app.test_client(), me.token).put(f"/findings/{uuid(1)}", json=finding())
        return answer.status_code, answer.json

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(send, range(16)))
    assert sorted(status for status, _ in told) == [200] * 15 + [201]
    assert all(answer == told[0][1] for _, answer in told)
    assert count(town, finding_table) == 1


def test_a_position_in_gcj02_is_brought_to_wgs84_once_and_kept_raw(me: Person) -> None:
    found = me.put(
        f"/findings/{uuid(1)}", json=finding(lon=117.141427801, lat=39.226203541, frame="gcj02")
    ).json
    assert found["position"]["lon"] == 117.141427801
    assert found["location"]["lon"] == pytest.approx(117.135, abs=1e-7)
    assert found["location"]["lat"] == pytest.approx(39.225, abs=1e-7)


def test_what_was_answered_and_is_sent_again_is_not_shifted_twice(me: Person, town: Site) -> None:
    lon, lat = (float(number) for number in from_wgs84([at(100, 204)], "bd09")[0])
    first = me.put(f"/findings/{uuid(1)}", json=finding(lon=lon, lat=lat, frame="bd09")).json
    raw = {name: first["position"][name] for name in ("lon", "lat", "frame")}
    assert raw == {"lon": lon, "lat": lat, "frame": "bd09"}
    as_told = me.put(f"/findings/{uuid(2)}", json=finding(**raw)).json
    as_placed = me.put(f"/findings/{uuid(3)}", json=finding(**first["location"], frame="wgs84")).json
    assert me.put(f"/findings/{uuid(1)}", json=finding(lon=lon, lat=lat, frame="bd09")).status_code == 200
    assert as_told["location"] == first["location"]
    assert as_placed["location"]["lon"] == pytest.approx(first["location"]["lon"], abs=1e-9)
    assert me.get(f"/findings/{uuid(1)}").json["position"] == first["position"]
    assert [first["location"]["lon"], first["location"]["lat"]] == pytest.approx(at(100, 204), abs=1e-9)
    del raw["frame"]
    refused = me.put(f"/findings/{uuid(4)}", json=without(finding(**raw), "position", "frame"))
    assert refused.status_code == 422


BAD = [
    (without(finding(), "position", "frame"), "position.frame"),
    (finding(frame="gps"), "position.frame"),
    (finding(frame=None), "position.frame"),
    (without(finding(), "position"), "position"),
    (finding(position=[117.1, 39.2]), "position"),
    (without(finding(), "position", "lon"), "position.lon"),
    (finding(lon="117.1"), "position.lon"),
    (finding(lon=True), "position.lon"),
    (finding(lon=39.22, lat=117.13), "position"),
    (finding(lon=0.0, lat=0.0), "position"),
    (finding(lon=511_000.0, lat=4_343_000.0), "position"),
    (finding(accuracy_m=-1), "position.accuracy_m"),
    (finding(accuracy_kind="r99"), "position.accuracy_kind"),
    (finding(source="dream"), "position.source"),
    (finding(fixed_at="2026-08-23T18:00:00Z"), "position.fixed_at"),
    (finding(heading_deg=361), "position.heading_deg"),
    (finding(speed_ms=-0.1), "position.speed_ms"),
    (finding(is_mock="no"), "position.is_mock"),
    (finding(speed=3), "speed"),
    (without(finding(), "scheme"), "scheme"),
    (finding(scheme="gb"), "scheme"),
    (finding(code="9999"), "code"),
    (finding(code=406), "code"),
    (without(finding(), "observed_at"), "observed_at"),
    (finding(observed_at="2026-08-23T15:00:00"), "observed_at"),
    (finding(observed_at="23.08.2026"), "observed_at"),
    (finding(observed_at=1787468400), "observed_at"),
    (finding(observed_at="1787468400"), "observed_at"),
    (finding(observed_at="0.5"), "observed_at"),
    (finding(observed_at="2026-08-24T15:00:00+08:00"), "observed_at"),
    (finding(observed_at="1969-12-31T23:59:59Z"), "observed_at"),
    (finding(observed_at="0001-01-01T00:00:00+14:00"), "observed_at"),
    (finding(observed_at="9999-12-31T23:59:59-14:00"), "observed_at"),
    (finding(n_items=0), "n_items"),
    (finding(n_items=1.5), "n_items"),
    (finding(n_items=10**30), "n_items"),
    (finding(note="x" * 4001), "note"),
    (finding(note="nul \x00 inside"), "note"),
    (finding(note=["a"]), "note"),
    (finding(device="bell \x07"), "device"),
    (finding(street_hint=""), "street_hint"),
    (finding(channel="rumour"), "channel"),
    (finding(uuid=uuid(2)), "uuid"),
    ([], "body"),
    (None, "body"),
    ("text", "body"),
]


def test_bad_input_is_refused_by_field_and_writes_nothing(me: Person, town: Site) -> None:
    for body, field in BAD:
        answer = me.put(f"/findings/{uuid(1)}", data=dumps(body), content_type="application/json")
        told = answer.json["error"]
        assert (answer.status_code, told["code"], told["field"]) == (422, "invalid", field), body
        assert told["message"]
    assert count(town, finding_table) == 0


def test_a_whole_number_may_have_a_fraction_of_nothing(me: Person) -> None:
    found = me.put(f"/findings/{uuid(1)}", json=finding(n_items=2.0))
    assert (found.status_code, found.json["n_items"]) == (201, 2)
    assert me.put(f"/findings/{uuid(1)}", json=finding(n_items=2)).status_code == 200


def test_choices_are_told_in_the_readers_language(me: Person) -> None:
    sent = finding(frame="x")
    for spoken, words in (("zh", "'gcj02'或'bd09'"), ("en", "'gcj02' or 'bd09'")):
        answer = me.put(f"/findings/{uuid(1)}", json=sent, headers={"Accept-Language": spoken})
        assert words in answer.json["error"]["message"]


def test_several_faults_are_told_together(me: Person) -> None:
    error = me.put(f"/findings/{uuid(1)}", json=finding(frame="x", n_items=0)).json["error"]
    assert {detail["field"] for detail in error["details"]} == {"position.frame", "n_items"}


def test_an_id_that_is_no_uuid_is_named(me: Person) -> None:
    for answer in (me.put("/findings/1", json=finding()), me.get("/findings/1")):
        assert (answer.status_code, answer.json["error"]["field"]) == (422, "uuid")


def test_text_comes_back_as_it_was_sent(me: Person) -> None:
    hostile = "<script>alert(1)</script> '; DROP TABLE finding; --\n第二行 🧭"
    me.put(f"/findings/{uuid(1)}", json=finding(note=hostile))
    assert me.get(f"/findings/{uuid(1)}").json["note"] == hostile


def test_who_did_it_is_in_the_history(me: Person, town: Site) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())
    me.put(f"/findings/{uuid(1)}", json=finding())
    with town.store.read() as conn:
        lines = conn.execute(select(history).where(history.c.noun == "finding")).all()
    assert [(line.action, line.noun_id) for line in lines] == [("create", uuid(1))]


def test_one_reads_ones_own_a_supervisor_all_a_colleague_nothing(
    me: Person, other: Person, boss: Person
) -> None:
    sent = me.put(f"/findings/{uuid(1)}", json=finding()).json
    assert me.get(f"/findings/{uuid(1)}").json == sent
    assert boss.get(f"/findings/{uuid(1)}").json == sent
    hidden, missing = other.get(f"/findings/{uuid(1)}"), other.get(f"/findings/{uuid(2)}")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json["error"]["message"].replace(uuid(1), "") == missing.json["error"]["message"].replace(
        uuid(2), ""
    )


def test_a_persons_decision_stands_beside_the_placement_one_by_one_and_in_lists(
    me: Person, town: Site, supervisor: Account, now: datetime
) -> None:
    sent = me.put(f"/findings/{uuid(1)}", json=finding(205, 205)).json
    assert sent["decision"] is None
    second = sent["placement"]["runner_up_block"]
    decisions.decide(town, supervisor, uuid(1), second, reason="on the photo", now=now)
    one = me.get(f"/findings/{uuid(1)}").json
    assert one["placement"] == sent["placement"]
    made = one["decision"]
    assert (made["block_id"], made["reason"], made["decided_by"]) == (second, "on the photo", supervisor.name)
    assert made["decided_at"] == "2026-08-23T08:00:00Z"
    listed = me.get(f"/findings?block={second}").json["features"]
    assert [each["properties"]["decision"] for each in listed] == [made]
    assert me.put(f"/findings/{uuid(1)}", json=finding(205, 205)).json == one


def test_a_collection_is_geojson_with_ids_at_the_top(me: Person) -> None:
    sent = me.put(f"/findings/{uuid(1)}", json=finding()).json
    answer = me.get("/findings")
    assert answer.mimetype == "application/geo+json"
    assert answer.json["type"] == "FeatureCollection"
    assert answer.json["numberReturned"] == 1
    feature = answer.json["features"][0]
    assert (feature["type"], feature["id"]) == ("Feature", uuid(1))
    assert feature["geometry"] == {
        "type": "Point",
        "coordinates": [sent["location"]["lon"], sent["location"]["lat"]],
    }
    assert feature["properties"] == sent
    assert [link["rel"] for link in answer.json["links"]] == ["self"]


def test_pages_show_everything_once_while_more_arrives(me: Person) -> None:
    for number in range(1, 8):
        me.put(f"/findings/{uuid(number)}", json=finding())
    seen, path = [], "/findings?limit=3&channel=inspection"
    while path:
        page = me.get(path.removeprefix("/api/v1")).json
        seen += [feature["id"] for feature in page["features"]]
        onward = [link["href"] for link in page["links"] if link["rel"] == "next"]
        path = onward[0] if onward else ""
        if len(seen) == 3:
            me.put(f"/findings/{uuid(8)}", json=finding())
    assert seen == [uuid(number) for number in range(1, 9)]


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json["features"]]


@pytest.fixture
def three(me: Person) -> Person:
    """Three findings: on 光荣道 west, on 淮东路 east, and on 光荣道 again, of another kind a day before."""
    me.put(f"/findings/{uuid(1)}", json=finding(100, 204))
    me.put(f"/findings/{uuid(2)}", json=finding(700, 404))
    earlier = finding(120, 204, code="0405", observed_at="2026-08-22T08:00:00Z")
    me.put(f"/findings/{uuid(3)}", json=earlier)
    return me


def test_findings_are_read_by_box(three: Person) -> None:
    west, south = at(50, 150)
    east, north = at(110, 250)
    assert ids(three.get(f"/findings?bbox={west},{south},{east},{north}")) == [uuid(1)]


def test_findings_are_read_by_time_beginning_in_and_end_out(three: Person) -> None:
    since = {"observed_from": "2026-08-22T08:00:00Z", "observed_until": "2026-08-23T07:00:00Z"}
    assert ids(three.get("/findings", query_string=since)) == [uuid(3)]
    with_offset = {"observed_from": "2026-08-23T15:00:00+08:00"}
    assert ids(three.get("/findings", query_string=with_offset)) == [uuid(1), uuid(2)]


def test_findings_are_read_by_one_category_or_several(three: Person) -> None:
    assert ids(three.get("/findings?category=gbt30428-2013-event.0405")) == [uuid(3)]
    both = "/findings?category=gbt30428-2013-event.0405&category=gbt30428-2013-event.0406"
    assert len(ids(three.get(both))) == 3


def test_findings_are_read_by_street_name_street_id_and_block(three: Person) -> None:
    assert ids(three.get("/findings", query_string={"street": "光荣道"})) == [uuid(1), uuid(3)]
    placed = three.get(f"/findings/{uuid(2)}").json["placement"]
    assert ids(three.get("/findings", query_string={"street": placed["street_id"]})) == [uuid(2)]
    assert ids(three.get("/findings", query_string={"block": placed["block_id"]})) == [uuid(2)]


def test_findings_are_read_by_district(three: Person) -> None:
    east = three.get(f"/findings/{uuid(2)}").json["districts"]["community"][0]["id"]
    assert ids(three.get(f"/findings?district={east}")) == [uuid(2)]


BAD_QUESTIONS = [
    ("bbox=1,2,3", "bbox"),
    ("bbox=", "bbox"),
    ("bbox=117.2,39,117.1,40", "bbox"),
    ("bbox=nan,nan,nan,nan", "bbox"),
    ("observed_from=yesterday", "observed_from"),
    ("observed_until=0.5", "observed_until"),
    ("observed_from=2026-08-22T08:00:00", "observed_from"),
    ("category=0405", "category.0"),
    ("category=gb.0405", "scheme"),
    ("category=gbt30428-2013-event.9", "code"),
    ("limit=0", "limit"),
    ("limit=1001", "limit"),
    ("limit=ten", "limit"),
    ("after=abc", "after"),
    ("after=-1", "after"),
    ("district=x", "district"),
    ("street=%00", "street"),
    ("colour=red", "colour"),
]


def test_a_bad_question_is_named(me: Person) -> None:
    for query, field in BAD_QUESTIONS:
        answer = me.get(f"/findings?{query}")
        assert (answer.status_code, answer.json["error"]["field"]) == (422, field), query


def test_in_a_list_too_an_inspector_sees_only_his_own(me: Person, other: Person, boss: Person) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())
    other.put(f"/findings/{uuid(2)}", json=finding())
    assert ids(me.get("/findings")) == [uuid(1)]
    assert ids(other.get("/findings")) == [uuid(2)]
    assert ids(boss.get("/findings")) == [uuid(1), uuid(2)]
