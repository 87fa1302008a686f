"""Blocks ready for placing positions on them: built once per network, asked by many threads."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import STRtree

from geo.assign import kernels, network
from geo.assign.network import Floats, Ints
from geo.assign.placement import Evidence, Placement, Request, nearest
from geo.crs import Projection, as_pairs
from geo.errors import MissingColumnError
from geo.names import NameMatcher, NameTable


@dataclass(frozen=True, eq=False)
class BlockIndex:
    """A street network ready for placing positions on it.

    Frozen and free of locks: any number of threads may use one at the same time.  Made by `BlockIndex.of`.
    Blocks are numbered in the byte order of their ids.
    """

    block_id: NDArray[np.object_]
    street_id: NDArray[np.object_]
    corridor_id: NDArray[np.object_]
    name: NDArray[np.object_]
    length_m: Floats
    offset_m: Floats
    name_keys: tuple[str, ...]
    projection: Projection
    north_deg: float
    names: NameTable | None
    arrays: tuple[Any, ...]
    n_max: int

    @classmethod
    def of(cls, blocks: gpd.GeoDataFrame, *, names: NameTable | None = None) -> "BlockIndex":
        """Index the blocks of one network.

        Parameters
        ----------
        blocks : GeoDataFrame of lines in a metric CRS
            As `geo.blocks.build` returns it: `block_id` and, optionally, `street_id`, `corridor_id`,
            `name`, `class`, `one_way`, `width_m`, `lanes`, and `prior` (weight of a metre of this block
            against a metre of any, default 1).
        names : NameTable, optional
            How name hints are normalised.

        Raises
        ------
        NoCRSError, MissingColumnError

        Examples
        --------
        >>> from shapely import LineString
        >>> line = LineString([(500_000, 4_000_000), (500_100, 4_000_000)])
        >>> index = BlockIndex.of(gpd.GeoDataFrame({"block_id": ["a"]}, geometry=[line], crs="EPSG:32650"))
        >>> placed = index.place_metres([[500_040, 4_000_004]], 3.0)
        >>> placed.block_id.tolist(), placed.distance_m.tolist(), placed.side.tolist()
        (['a'], [4.0], ['left'])
        """
        if "block_id" not in blocks:
            raise MissingColumnError("blocks lack the column %(column)s", column="block_id")
        projection = Projection(blocks.crs)
        frame = blocks.sort_values("block_id", ignore_index=True)
        keys, name_code = network.coded_names(frame, names)
        length = np.asarray(shapely.length(frame.geometry.to_numpy()), dtype=np.float64)
        street, corridor = network.column(frame, "street_id"), network.column(frame, "corridor_id")
        kerb, one_way = network.offsets(frame), network.numbers(frame, "one_way", 0.0)
        of_block = np.column_stack([kerb, network.prior(frame, length), one_way])
        pieces = network.pieces(frame, of_block)
        references, starts, levels, n_max = network.grids(pieces)
        codes = np.column_stack([name_code, pd.factorize(street)[0], pd.factorize(corridor)[0]])
        return cls(
            block_id=frame["block_id"].to_numpy(dtype=object),
            street_id=street,
            corridor_id=corridor,
            name=network.column(frame, "name", otherwise=None),
            length_m=length,
            offset_m=kerb,
            name_keys=keys,
            projection=projection,
            north_deg=network.north(projection, pieces),
            names=names,
            arrays=(
                references,
                starts,
                levels,
                pieces,
                length,
                codes.astype(np.int32),
                *network.density(pieces),
            ),
            n_max=n_max,
        )

    @cached_property
    def code_of(self) -> dict[str, int]:
        """Return the number of each block id."""
        return {block: code for code, block in enumerate(self.block_id.tolist())}

    def __len__(self) -> int:
        return len(self.block_id)

    @cached_property
    def kerb_m(self) -> float:
        """Return the farthest that a kerb lies from its centre line, for the reach of searches."""
        return float(np.max(self.offset_m, initial=0.0))

    @cached_property
    def tree(self) -> STRtree:
        """Return a tree of the blocks' pieces put together again, in the order of their numbers."""
        pieces = self.arrays[network.PIECES]
        pieces = pieces[np.argsort(pieces[:, kernels.OWNER], kind="stable")]
        ends = pieces[:, :2] + pieces[:, 2:4] * pieces[:, 4:5]
        block = pieces[:, kernels.OWNER].astype(np.int64)
        last = np.append(block[1:] != block[:-1], True)[: len(block)]
        at = np.flatnonzero(last) + 1
        xy = np.insert(pieces[:, :2], at, ends[last], axis=0)
        return STRtree(shapely.linestrings(xy, indices=np.insert(block, at, block[last])))

    @cached_property
    def matcher(self) -> NameMatcher:
        """Return what compares name hints with the names of this network."""
        return NameMatcher(self.name_keys, self.names)

    def place(self, lonlat: ArrayLike, sd_m: ArrayLike, **evidence: Unpack[Evidence]) -> Placement:
        """Place WGS-84 positions (degrees) on the network; see `place_metres`.

        Examples
        --------
        >>> from shapely import LineString
        >>> line = LineString([(500_000, 4_000_000), (500_100, 4_000_000)])
        >>> index = BlockIndex.of(gpd.GeoDataFrame({"block_id": ["a"]}, geometry=[line], crs="EPSG:32650"))
        >>> index.place([[117.0005, 36.1448], [10.0, 50.0]], 3.0).outside.tolist()
        [False, True]
        """
        return self.place_metres(self.projection.to_metres(lonlat), sd_m, **evidence)

    def place_metres(self, metres: ArrayLike, sd_m: ArrayLike, **evidence: Unpack[Evidence]) -> Placement:
        """Place positions in the CRS of the network: the posterior over blocks of each.

        The position is a point of the kerb, left or right, uniformly anywhere along a block, seen with an
        isotropic error; the likelihood is integrated along the block in closed form, heavy tails are a
        mixture of two errors, and one component has nothing to do with any street.  Heading, name
        hint and track multiply the likelihood by their ratio to the background.  A position that is not
        finite, or without a positive error, is not placed; one with no block within 100 m is outside.

        Parameters
        ----------
        metres : array, shape (n, 2)
        sd_m : float, or array, shape (n,)
            Position error, standard deviation per axis in metres (`sd_of` makes it from accuracies).
        **evidence
            See `Evidence`; all optional.

        Returns
        -------
        Placement
            Arrays of length n, in the order of the positions, the same whatever the batch.

        Examples
        --------
        >>> from shapely import LineString
        >>> streets = [LineString([(0, 0), (100, 0)]), LineString([(0, 20), (100, 20)])]
        >>> frame = gpd.GeoDataFrame({"block_id": ["a", "b"]}, geometry=streets, crs="EPSG:32650")
        >>> placed = BlockIndex.of(frame).place_metres([[50, 3], [50, 10], [np.nan, 0]], 3.0)
        >>> placed.block_id.tolist(), placed.ambiguous.tolist(), placed.placed.tolist()
        (['a', 'a', None], [False, True, False], [True, True, False])
        """
        request = Request.of(as_pairs(metres), sd_m, evidence, self)
        return request.placed()

    def nearest(
        self, metres: ArrayLike, *, within_m: float = 100.0, parallel: bool | None = None
    ) -> tuple[Ints, Floats]:
        """Return the nearest block of each position, and how far it is: no doubt, no evidence.

        Parameters
        ----------
        metres : array, shape (n, 2)
            In the CRS of the network.
        within_m : float
            Farther blocks count for nothing; at most 560 m.
        parallel : bool, optional
            All threads; default from two thousand positions on.

        Returns
        -------
        block : int array, shape (n,)
            Number of the block, the smallest of equally near ones, -1 for none and for no position.
        distance_m : float array, shape (n,)
            NaN for none.

        Examples
        --------
        >>> from shapely import LineString
        >>> streets = [LineString([(0, 0), (100, 0)]), LineString([(0, 20), (100, 20)])]
        >>> frame = gpd.GeoDataFrame({"block_id": ["a", "b"]}, geometry=streets, crs="EPSG:32650")
        >>> block, distance_m = BlockIndex.of(frame).nearest([[50, 10], [50, 17], [50, 500]])
        >>> block.tolist(), distance_m.tolist()
        ([0, 1, -1], [10.0, 3.0, nan])
        """
        return nearest(self, as_pairs(metres), within_m, parallel)
