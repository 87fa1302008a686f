"""Who lives along each block and in each area, of the population that a site knows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from geo import people
from layers.city import population
from layers.city.population import Population
from layers.errors import NotFoundError

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# People farther than this from every street belong to another town
FAR_M = 500.0


@dataclass(frozen=True, slots=True, eq=False)
class Residents:
    """People of each block (`block_id`, `exposure`, in the order of the streets), and who counted them.

    `areas` are the named areas in force with the `people` in them, exact where an edge cuts a cell.
    """

    population: Population
    blocks: pd.DataFrame
    areas: gpd.GeoDataFrame

    @property
    def total(self) -> float:
        """How many people live along the streets."""
        return float(self.blocks["exposure"].sum())


def find(analyst: "Analyst") -> Residents:
    """Return the residents of a site.

    Raises
    ------
    NotFoundError
        None were imported.
    """
    return analyst.kept("residents", {}, lambda: _find(analyst))


def are_known(analyst: "Analyst") -> bool:
    """Tell whether the site knows where people live."""
    with analyst.site.store.read() as conn:
        return population.is_known(conn)


def _find(analyst: "Analyst") -> Residents:
    with analyst.site.store.read() as conn:
        known = population.newest(conn)
    if known is None:
        raise NotFoundError("Nobody has told where people live: import a population first")
    shared = people.among_blocks(known.cells, analyst.site.network.blocks, FAR_M)
    areas = analyst.site.districts.frame
    counted = areas[["fid", "level", "name", "geom"]].assign(people=people.within(known.cells, areas))
    return Residents(known, shared, gpd.GeoDataFrame(counted))
