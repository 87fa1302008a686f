"""The streets as a patrol walks them: junctions, times between them, and the blocks of a way."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from geo.errors import GeoError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Step = tuple[int, int]
"""A block by number, and +1 where it is walked as it is drawn, -1 against."""


@dataclass(frozen=True, eq=False)
class Ways:
    """Blocks between junctions; one-ways bind no walker."""

    names: pd.Index
    start: Ints
    end: Ints
    length: Floats

    @classmethod
    def of(cls, blocks: pd.DataFrame) -> "Ways":
        """Read blocks: `start_node, end_node, length_m`."""
        ends = np.concatenate([blocks["start_node"].to_numpy(), blocks["end_node"].to_numpy()])
        codes, names = pd.factorize(ends, sort=True)
        n = len(blocks)
        return cls(pd.Index(names), codes[:n], codes[n:], blocks["length_m"].to_numpy(np.float64))

    def node(self, name: object) -> int:
        """Return the number of a junction."""
        at = int(self.names.get_indexer(pd.Index([name]))[0])
        if at < 0:
            raise GeoError("there is no junction %(name)s", name=name)
        return at

    @cached_property
    def between(self) -> dict[Step, Step]:
        """The shortest block between two neighbouring junctions, by both."""
        shortest: dict[Step, Step] = {}
        for block in np.argsort(-self.length, kind="stable").tolist():
            a, b = int(self.start[block]), int(self.end[block])
            shortest[a, b], shortest[b, a] = (block, 1), (block, -1)
        return shortest

    @cached_property
    def graph(self) -> csr_matrix:
        """Metres between neighbouring junctions."""
        pairs = np.array(list(self.between), dtype=np.int64).reshape(-1, 2)
        metres = [max(self.length[block], 1e-3) for block, _ in self.between.values()]
        n = len(self.names)
        return csr_matrix((metres, (pairs[:, 0], pairs[:, 1])), shape=(n, n))

    def far_from(self, node: int, limit_m: float) -> Floats:
        """Return the metres from a junction to every junction; inf beyond the limit."""
        far: Floats = dijkstra(self.graph, indices=node, limit=limit_m)
        return far


@dataclass(frozen=True, eq=False)
class Legs:
    """Metres and ways among some junctions, by their places in `nodes`; `within` are those walked over."""

    ways: Ways
    nodes: Ints
    within: Ints
    metres: Floats
    before: NDArray[np.int32]
    _known: dict[tuple[int, int], tuple[Step, ...]] = field(default_factory=dict)

    @classmethod
    def among(cls, ways: Ways, nodes: Ints, within: Ints, limit_m: float) -> "Legs":
        """Measure the ways among `nodes` over the junctions `within`, which hold them, in ascending order."""
        place = np.searchsorted(within, nodes)
        metres, before = dijkstra(
            ways.graph[within][:, within], indices=place, limit=limit_m, return_predecessors=True
        )
        return cls(ways, nodes, within, metres[:, place], before.astype(np.int32))

    def steps(self, one: int, other: int) -> tuple[Step, ...]:
        """Return the blocks of the shortest way from one junction to another, by their places."""
        known = self._known.get((one, other))
        if known is None:
            found: list[Step] = []
            here, source = np.searchsorted(self.within, self.nodes[[other, one]]).tolist()
            while here != source:
                there = int(self.before[one, here])
                found.append(self.ways.between[int(self.within[there]), int(self.within[here])])
                here = there
            known = self._known[one, other] = tuple(reversed(found))
        return known
