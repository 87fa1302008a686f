import pytest
import shapely

from geo.compass import facing
from geo.errors import GeoError

QUARTERS = {(1, 0): "south", (0, 1): "east", (-1, 0): "north", (0, -1): "west"}


@pytest.mark.parametrize(("east", "north"), list(QUARTERS), ids=str)
def test_the_right_of_a_line_faces_a_quarter_turn_clockwise_the_left_the_opposite(
    east: int, north: int
) -> None:
    line = shapely.LineString([(500, 700), (500 + 80 * east, 700 + 80 * north)])
    opposite = {"north": "south", "south": "north", "east": "west", "west": "east"}
    right = QUARTERS[east, north]
    assert facing(line, 30, "right") == right
    assert facing(line, 30, "left") == opposite[right]
    assert facing(line.reverse(), 50, "left") == right


def test_the_side_follows_a_bend_but_not_a_kink() -> None:
    bend = shapely.LineString([(0, 0), (100, 0), (100, 100)])
    assert [facing(bend, at, "left") for at in (20, 180)] == ["north", "west"]
    kink = shapely.LineString([(0, 0), (50, 0), (50, 3), (53, 3), (53, 0), (100, 0)])
    assert facing(kink, 51.5, "left") == "north"


def test_a_place_beyond_an_end_is_taken_to_it() -> None:
    line = shapely.LineString([(0, 0), (0, 5)])
    assert {facing(line, at, "left") for at in (-40, 0, 5, 400)} == {"west"}


def test_a_ring_has_a_side_everywhere() -> None:
    ring = shapely.LineString([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)])
    assert facing(ring, 5, "right") in {"north", "east", "south", "west"}


def test_other_sides_and_empty_lines_are_refused() -> None:
    line = shapely.LineString([(0, 0), (1, 0)])
    with pytest.raises(GeoError, match="not both"):
        facing(line, 0, "both")
    with pytest.raises(GeoError, match="without length"):
        facing(shapely.LineString([(1, 1), (1, 1)]), 0, "left")
