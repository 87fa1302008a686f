"""GPX as phones and loggers write it."""

import math

import pytest

from layers.errors import InvalidError, UnreadableFileError
from layers.field import gpx


def file(*segments: str, namespace: str = "http://www.topografix.com/GPX/1/1") -> bytes:
    tracks = "".join(f"<trk><trkseg>{segment}</trkseg></trk>" for segment in segments)
    return f'<?xml version="1.0"?><gpx xmlns="{namespace}">{tracks}</gpx>'.encode()


def point(lon: object, lat: object, time: str, more: str = "") -> str:
    return f'<trkpt lat="{lat}" lon="{lon}"><time>{time}</time>{more}</trkpt>'


def test_tracks_and_segments_come_one_after_the_other() -> None:
    one, two = point(117.1, 39.2, "2026-06-01T07:00:00Z"), point(117.2, 39.3, "2026-06-01T07:00:05Z")
    fixes = gpx.read(file(one, two))
    assert fixes.lon.tolist() == [117.1, 117.2]
    assert fixes.lat.tolist() == [39.2, 39.3]
    assert (fixes.time[1] - fixes.time[0]) == 5


@pytest.mark.parametrize("namespace", ["http://www.topografix.com/GPX/1/0", "urn:anything"])
def test_the_version_of_the_format_does_not_matter(namespace: str) -> None:
    assert len(gpx.read(file(point(1, 2, "2026-06-01T07:00:00Z"), namespace=namespace)).lon) == 1


def test_waypoints_and_routes_are_no_track() -> None:
    data = b'<gpx><wpt lat="1" lon="2"/><rte><rtept lat="1" lon="2"/></rte></gpx>'
    assert len(gpx.read(data).lon) == 0


def test_a_time_without_an_offset_is_utc_and_fractions_and_offsets_are_kept() -> None:
    times = ["2026-06-01T07:00:00", "2026-06-01T15:00:00+08:00", "2026-06-01T07:00:00.250Z"]
    found = gpx.read(file("".join(point(1, 2, each) for each in times))).time
    assert found[0] == found[1] == found[2] - 0.25


def test_accuracy_is_read_from_extensions_and_hdop_is_not_taken_for_it() -> None:
    with_it = point(
        1, 2, "2026-06-01T07:00:00Z", "<extensions><x:accuracy xmlns:x='urn:x'>4.5</x:accuracy></extensions>"
    )
    without = point(1, 2, "2026-06-01T07:00:01Z", "<hdop>1.2</hdop>")
    found = gpx.read(file(with_it + without)).accuracy_m
    assert found[0] == 4.5
    assert math.isnan(found[1])


def test_a_bad_fix_is_named_by_its_row_and_what_is_wrong() -> None:
    good = point(1, 2, "2026-06-01T07:00:00Z")
    for bad, what in [(point(1, 2, ""), "time"), (point("east", 2, "2026-06-01T07:00:00Z"), "lon")]:
        with pytest.raises(InvalidError, match=what) as told:
            gpx.read(file(good + bad))
        assert (told.value.field, told.value.row) == ("fixes", 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01",
        b"<gpx>",
        b"<kml/>",
        b"<!DOCTYPE gpx [<!ENTITY a 'b'>]><gpx>&a;</gpx>",
        b"\xff\xfe<gpx/>",
    ],
)
def test_what_is_not_gpx_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        gpx.read(data)
