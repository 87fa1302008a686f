import struct

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.store import blobs

LINE = shapely.LineString([(1.0, 2.0), (3.0, -4.0)])
SHAPES = [
    shapely.Point(117.1, 39.2),
    LINE,
    shapely.box(0, 0, 2, 1),
    shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)]),
    shapely.LineString(),
]


def test_every_kind_comes_back_as_it_went() -> None:
    back = blobs.decode(blobs.encode(SHAPES))
    assert [shape.wkt for shape in back] == [shape.wkt for shape in SHAPES]


def test_nothing_stays_nothing() -> None:
    assert blobs.decode([None, blobs.encode([LINE])[0]])[0] is None
    assert blobs.encode([]) == []


def test_a_point_has_the_bare_header_of_eight_bytes() -> None:
    blob = blobs.encode([shapely.Point(1.0, 2.0)])[0]
    assert blob[:8] == b"GP\x00\x01" + struct.pack("<i", 4326)
    assert len(blob) == 8 + 21


def test_a_line_carries_its_envelope_as_x_x_y_y() -> None:
    blob = blobs.encode([LINE])[0]
    assert struct.unpack("<4d", blob[8:40]) == (1.0, 3.0, -4.0, 2.0)
    assert blobs.envelope(blob) == (1.0, 3.0, -4.0, 2.0)


def test_a_third_dimension_is_dropped() -> None:
    assert not blobs.decode(blobs.encode([shapely.Point(1, 2, 3)]))[0].has_z


@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize(("flavour", "dimension"), [("iso", 2), ("iso", 3)])
def test_the_envelope_of_a_foreign_blob_is_read_from_its_body(
    little: bool, flavour: str, dimension: int
) -> None:
    shape = shapely.Point(7, 8, 9) if dimension == 3 else shapely.Point(7, 8)
    body = shapely.to_wkb(shape, output_dimension=dimension, byte_order=int(little), flavor=flavour)
    assert blobs.envelope(b"GP\x00\x01" + struct.pack("<i", 4326) + body) == (7, 7, 8, 8)


def test_the_envelope_of_a_line_without_one_is_computed() -> None:
    bare = b"GP\x00\x01" + struct.pack("<i", 4326) + shapely.to_wkb(LINE)
    assert blobs.envelope(bare) == (1.0, 3.0, -4.0, 2.0)


def test_a_big_endian_envelope_is_read() -> None:
    blob = b"GP\x00\x02" + struct.pack(">i", 4326) + struct.pack(">4d", 1, 2, 3, 4) + shapely.to_wkb(LINE)
    assert blobs.envelope(blob) == (1, 2, 3, 4)


def test_an_empty_geometry_says_so_and_has_no_envelope() -> None:
    blob = blobs.encode([shapely.LineString()])[0]
    assert blobs.is_empty(blob)
    assert blobs.envelope(blob) is None


coordinates = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@given(st.lists(st.lists(coordinates, min_size=2, max_size=6), min_size=1, max_size=5))
def test_lines_come_back_and_the_envelope_is_their_bounds(lines: list[list[tuple[float, float]]]) -> None:
    shapes = shapely.linestrings(
        np.concatenate([np.array(line) for line in lines]),
        indices=np.repeat(np.arange(len(lines)), [len(line) for line in lines]),
    )
    encoded = blobs.encode(shapes)
    assert shapely.equals_identical(blobs.decode(encoded), shapes).all()
    for blob, (west, south, east, north) in zip(encoded, shapely.bounds(shapes), strict=True):
        assert blobs.envelope(blob) == (west, east, south, north)


def test_ewkb_names_its_reference_system() -> None:
    text = blobs.to_ewkb([LINE])[0]
    assert shapely.get_srid(shapely.from_wkb(text)) == 4326
    assert blobs.from_wkb([text, None])[0].wkt == LINE.wkt
