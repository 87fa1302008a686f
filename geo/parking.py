"""Parked vehicles: where along a street they stand, what room there is for them, where they go."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri

from geo.errors import GeoError, MissingColumnError
from geo.neighbours import Neighbourhoods

Floats = NDArray[np.float64]

# From so much of a vehicle on, placed by weights, something stood there
_STOOD = 0.5
# Below this the side is a guess (a phone's position rarely tells it)
_SURE_OF_SIDE = 0.9


def strips(findings: pd.DataFrame, blocks: pd.DataFrame, bin_m: float = 20.0) -> pd.DataFrame:
    """Count vehicles along each block and side, in bins of chainage.

    Bins start at the fixed start of the block; the last is shorter.  A vehicle exactly on a border
    belongs to the later bin, one at the very end to the last.  A side that is missing or less certain
    than 0.9 is `unknown`; vehicles on no known block or without a chainage are left out.

    Parameters
    ----------
    findings : DataFrame
        `block_id`, `chainage_m`, `side` (text), `p_side`.
    blocks : DataFrame
        `block_id`, `length_m`.
    bin_m : float
        Above 0, metres.

    Returns
    -------
    DataFrame
        `block_id`, `side`, `from_m`, `to_m`, `n_vehicles`; only bins that hold any; sorted.

    Raises
    ------
    MissingColumnError, GeoError

    Examples
    --------
    >>> street = pd.DataFrame({"block_id": ["a"], "length_m": [50.0]})
    >>> parked = pd.DataFrame({"block_id": "a", "chainage_m": [5.0, 20.0, 49.0], "side": "left"})
    >>> bins = strips(parked.assign(p_side=[0.95, 0.95, 0.6]), street)
    >>> bins[["side", "from_m", "to_m", "n_vehicles"]].values.tolist()
    [['left', 0.0, 20.0, 1], ['left', 20.0, 40.0, 1], ['unknown', 40.0, 50.0, 1]]
    """
    _need(findings, "findings", "block_id", "chainage_m", "side", "p_side")
    _need(blocks, "blocks", "block_id", "length_m")
    if not 0 < bin_m < np.inf:
        raise GeoError("the bins must have a length in metres, not %(given)s", given=bin_m)
    of_block = findings["block_id"].map(blocks.set_index("block_id")["length_m"])
    placed = of_block.notna() & findings["chainage_m"].notna()
    known, length_m = findings[placed], of_block[placed].to_numpy(np.float64)
    last = np.maximum(0.0, np.ceil(length_m / bin_m) - 1.0)
    number = np.clip(np.floor(known["chainage_m"].to_numpy(np.float64) / bin_m), 0.0, last)
    sure = (known["p_side"].fillna(0.0) >= _SURE_OF_SIDE) & known["side"].notna()
    table = pd.DataFrame(
        {
            "block_id": known["block_id"].to_numpy(),
            "side": np.where(sure, known["side"], "unknown"),
            "from_m": number * bin_m,
            "to_m": np.minimum((number + 1.0) * bin_m, length_m),
        }
    )
    return table.groupby(list(table), as_index=False).size().rename(columns={"size": "n_vehicles"})


def demand_and_supply(  # noqa: PLR0917  what stands, what was looked at, what room there is
    near: Neighbourhoods,
    vehicles: Floats,
    passes: Floats,
    bays: Floats,
    no_parking: NDArray[np.bool_],
    efforts: Sequence[Floats] = (),
) -> pd.DataFrame:
    """Compare vehicles parked wrongly with the lawful bays within walking distance, block by block.

    `standing` is the number seen per pass: by Little's law arrivals times stay [1]_, so a
    street with many short stops and one with few long ones look the same.

    `advice` is `tow` where no bay could be, more stands than is usual (see `often`), and whoever is towed
    could have stood in reach: the bays there are at least as many as all that stands there.  Else it is
    `guide` where there is that room, `nearby` where there is none and no bay could be here (bays are
    needed on other blocks in reach), `paint` where one could.  `none`: nothing was seen; `not observed`:
    no pass.

    Parameters
    ----------
    near : Neighbourhoods
        What can be reached on foot from each block, itself included.
    vehicles, passes, bays : float array, shape (n,)
        Vehicles found in all passes; passes; lawful bays on the block and in the lots at it.
    no_parking : bool array, shape (n,)
        Where no bay could be painted (school gates, fire lanes, crossings).
    efforts : sequence of float array, shape (n,)
        What sightings are set against to tell the usual, as inspected kilometres and hours; else passes.

    Returns
    -------
    DataFrame
        `standing` with `standing_low`, `standing_high` (exact Poisson, 90 %), `standing_near` (observed
        blocks only), `bays_near`, `short` (bays missing in reach, at least 0), `often`, `advice`.
        ``attrs["usual"]``: the usual rate of each effort.

    Raises
    ------
    GeoError
        Arrays of different sizes, or negative ones.

    References
    ----------
    .. [1] Little, J. D. C. (1961), "A proof for the queuing formula: L = lambda W", doi 10.1287/opre.9.3.383.

    Examples
    --------
    >>> alone = Neighbourhoods(np.array([0, 1, 2]), np.array([0, 1], np.int32), np.zeros(2))
    >>> told = demand_and_supply(
    ...     alone, np.array([40.0, 6.0]), np.array([4.0, 3.0]), np.array([3.0, 9.0]), np.zeros(2, bool)
    ... )
    >>> told[["standing", "bays_near", "short", "advice"]].values.tolist()
    [[10.0, 3.0, 7.0, 'paint'], [2.0, 9.0, 0.0, 'guide']]
    """
    for values in (vehicles, passes, bays, no_parking):
        if values.shape != (near.n_blocks,) or (values < 0).any():
            raise GeoError("vehicles, passes and bays are at least 0, one per block")
    seen = passes > 0
    out = np.where(seen, passes, np.nan)
    standing = vehicles / out
    low = np.where(vehicles > 0, gammaincinv(np.maximum(vehicles, 1e-9), 0.05), 0.0) / out
    standing_near, bays_near = near.sums(np.nan_to_num(standing)), near.sums(bays)
    short = np.maximum(0.0, standing_near - bays_near)
    more, usual = often(vehicles, efforts or (passes,))
    advice = np.select(
        [~seen, vehicles == 0, no_parking & more & (short == 0), short == 0, no_parking],
        ["not observed", "none", "tow", "guide", "nearby"],
        "paint",
    )
    table = pd.DataFrame(
        {
            "standing": standing,
            "standing_low": low,
            "standing_high": gammaincinv(vehicles + 1.0, 0.95) / out,
            "standing_near": standing_near,
            "bays_near": bays_near,
            "short": short,
            "often": more,
            "advice": advice.astype(object),
        }
    )
    table.attrs["usual"] = usual
    return table


def often(vehicles: Floats, efforts: Sequence[Floats]) -> tuple[NDArray[np.bool_], list[float]]:
    """Tell where surely more stands than is usual: by each effort the 90 % interval lies above the median.

    The median is that of the places at which anything was seen to stand: most streets never have any, and
    more than nothing is no reason to tow.

    Parameters
    ----------
    vehicles : float array, shape (n,)
    efforts : sequence of float array, shape (n,)

    Returns
    -------
    bool array, list of float
        And the median rate of each effort, NaN where nothing was seen anywhere.

    Examples
    --------
    The lower ends are 0.05, 0.82 and 6.17 a pass.

    >>> more, usual = often(np.array([1.0, 3.0, 11.0, 0.0]), [np.ones(4)])
    >>> more.tolist(), usual
    ([False, False, True, False], [3.0])
    """
    more, usual = np.ones(len(vehicles), np.bool_), []
    for effort in efforts:
        each = rates(vehicles, effort)
        stood = each["rate"][(vehicles >= _STOOD) & (effort > 0)]
        usual.append(float(stood.median()))
        more &= (each["low"] > usual[-1]).to_numpy()
    return more, usual


def rates(vehicles: Floats, effort: Floats, spread: float = 1.0) -> pd.DataFrame:
    """Return vehicles per unit of effort with the 90 % interval of the exact Poisson.

    `spread` is by how much the variance exceeds the mean: vehicles stand in groups, and counted as if
    each came alone they look surer than they are.

    Parameters
    ----------
    vehicles, effort : float array, shape (n,)
        At least 0.
    spread : float
        At least 1; see `spread`.

    Returns
    -------
    DataFrame
        `rate`, `low`, `high`; NaN without effort.

    Examples
    --------
    >>> rates(np.array([0.0, 4.0, 4.0]), np.array([2.0, 2.0, 0.0])).round(2).values.tolist()
    [[0.0, 0.0, 1.5], [2.0, 0.68, 4.58], [nan, nan, nan]]
    """
    if (vehicles < 0).any() or (effort < 0).any() or not spread >= 1:
        raise GeoError("vehicles and effort are at least 0")
    out = np.where(effort > 0, effort, np.nan)
    n = vehicles / spread
    low = np.where(n > 0, gammaincinv(np.maximum(n, 1e-9), 0.05), 0.0)
    high = gammaincinv(n + 1.0, 0.95)
    return pd.DataFrame({"rate": vehicles / out, "low": spread * low / out, "high": spread * high / out})


def spread(vehicles: Floats, effort: Floats, fewest: float = 0.5) -> float:
    """Return by how much counts of one place scatter more than chance, of many places over time.

    Pearson's statistic over its degrees of freedom: each place keeps its own rate, cells of which fewer
    than `fewest` vehicles are expected tell nothing.  Never below 1.

    Parameters
    ----------
    vehicles, effort : float array, shape (periods, places)

    Examples
    --------
    >>> walked = np.ones((4, 1))
    >>> spread(np.array([[3.0], [5.0], [4.0], [4.0]]), walked)
    1.0
    >>> spread(np.array([[0.0], [8.0], [0.0], [8.0]]), walked)
    5.333333333333333
    """
    total, walked = vehicles.sum(axis=0), effort.sum(axis=0)
    rate = np.where(walked > 0, total / np.where(walked > 0, walked, 1.0), 0.0)
    expected = effort * rate
    told = expected >= fewest
    free = int(told.sum()) - int(told.any(axis=0).sum())
    if free <= 0:
        return 1.0
    return max(1.0, float(((vehicles - expected)[told] ** 2 / expected[told]).sum() / free))


def displacement(
    before: Floats, after: Floats, effort_before: Floats, effort_after: Floats, spread: float = 1.0
) -> dict[str, float]:
    """Tell if enforcement moved vehicles next door: the spot, the ring around it, and everywhere else.

    Rates per effort before and after, each against the rest of the city, which takes out season and
    weather; the weighted displacement quotient [1]_ sets the change of the ring against that of the spot:
    below 0 moved, -1 as many as left, above 0 the ring gained too.

    Parameters
    ----------
    before, after, effort_before, effort_after : float array, shape (3,)
        Spot, ring, rest.
    spread : float
        By how much the variance of the counts exceeds their mean; it widens the intervals.

    Returns
    -------
    dict
        `spot`, `ring`: rate after over before, against the rest, with `_low` and `_high` (90 %, log normal
        with half a finding added); `quotient`, NaN where the spot did not improve.

    Raises
    ------
    GeoError
        No effort somewhere.

    References
    ----------
    .. [1] Bowers, K. J. and Johnson, S. D. (2003), "Measuring the geographical displacement and diffusion of
       benefit effects of crime prevention activity", doi 10.1023/A:1024909009240.

    Examples
    --------
    Ten of forty leave the spot's kilometre, as many stand in the ring's.

    >>> walked = np.array([1.0, 1.0, 10.0])
    >>> moved = displacement(np.array([40.0, 20, 200]), np.array([30.0, 30, 200]), walked, walked)
    >>> round(moved["quotient"], 9)
    -1.0
    """
    if not (np.all(effort_before > 0) and np.all(effort_after > 0)):
        raise GeoError("without effort before and after, nothing can be said of displacement")
    first, second = before / effort_before, after / effort_after
    told: dict[str, float] = {}
    for place, name in enumerate(("spot", "ring")):
        each = np.array([before[place], after[place], before[2], after[2]]) + 0.5
        effort = np.array([effort_before[place], effort_after[place], effort_before[2], effort_after[2]])
        log_ratio = float(np.log(each / effort) @ np.array([-1.0, 1.0, 1.0, -1.0]))
        half = float(ndtri(0.95) * np.sqrt(spread * (1.0 / each).sum()))
        told[name] = float(np.exp(log_ratio))
        told[f"{name}_low"], told[f"{name}_high"] = np.exp(log_ratio - half), np.exp(log_ratio + half)
    rest = np.maximum([first[2], second[2]], 1e-12)
    fall = second[0] / rest[1] - first[0] / rest[0]
    rise = second[1] / rest[1] - first[1] / rest[0]
    return told | {"quotient": float(rise / fall) if fall < 0 else float("nan")}


def _need(frame: pd.DataFrame, what: str, *columns: str) -> None:
    """Refuse a frame without its columns."""
    for column in columns:
        if column not in frame:
            if what == "blocks":
                raise MissingColumnError("blocks need a column %(column)s", column=column)
            raise MissingColumnError("findings need a column %(column)s", column=column)
