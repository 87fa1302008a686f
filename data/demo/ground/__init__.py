"""The ground of one district: streets and footways as frames, parcels, water and railway."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from shapely.geometry import LineString, Polygon

from data.demo.ground import fabric, footways, network, skeleton, villages
from data.demo.ground.fabric import Parcel
from data.demo.ground.network import Network
from data.demo.ground.skeleton import Site
from data.demo.names import Names
from data.demo.sizes import Size


@dataclass(frozen=True)
class Ground:
    """One district's ground on the plane (EPSG:4548, metres).

    `network` holds the streets; its pieces run from node to node. `footways` carry the numbers of the
    same nodes. `parcels` are the pieces of ground between streets with their uses.
    """

    size: Size
    number: int
    county: str
    name: str
    boundary: Polygon
    river: Polygon
    river_name: str
    railway: LineString
    network: Network
    footways: gpd.GeoDataFrame
    parcels: list[Parcel]
    site: Site

    @property
    def streets(self) -> gpd.GeoDataFrame:
        """The street pieces, one a row."""
        return self.network.edges


def lay_out(size: Size, number: int, rng: np.random.Generator, names: Names) -> Ground:
    """Make the ground of district `number`; districts of a city lie four in a row."""
    columns = min(size.districts, 4)
    at = (
        (number % columns - (columns - 1) / 2) * 2 * size.plan.half_x,
        (number // columns - (size.districts // columns - 1) / 2) * 2 * size.plan.half_y,
    )
    site = Site(size.plan, at, rng, names)
    bones = skeleton.draw(site)
    woven = fabric.weave(site, bones)
    villages.settle(woven)
    streets = network.join(bones.lines, bones.street_names)
    streets, foot = footways.lay(site, bones, streets)
    _number(streets.edges, "w", number)
    _number(foot, "f", number)
    river_name = next((name[:-2] for name in bones.street_names.values() if name.endswith("河北路")), "")
    return Ground(
        size=size,
        number=number,
        county=f"9901{number + 1:02d}",
        name=names.stem() + "区",
        boundary=bones.boundary,
        river=bones.river,
        river_name=river_name,
        railway=bones.railway,
        network=streets,
        footways=foot,
        parcels=woven.parcels,
        site=site,
    )


def _number(frame: gpd.GeoDataFrame, letter: str, district: int) -> None:
    frame.insert(0, "source_id", [f"{letter}{district + 1:02d}{n + 1:05d}" for n in range(len(frame))])
