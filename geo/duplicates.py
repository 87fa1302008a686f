"""Which findings are probably one and the same thing, reported twice or come back after it was closed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo.errors import GeoError, MissingColumnError
from geo.recordings import seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RELATIONS = ("duplicate", "relapse")
COLUMNS = (
    "first_id",
    "second_id",
    "relation",
    "p",
    "distance_m",
    "along_m",
    "hours",
    "photo_bits",
    "same_side",
)

RADIUS_M = 15.0
"""How far apart two reports of one thing of unknown kind may lie beside the error of their positions."""

# How much likelier one thing is placed on one block twice than two things that lie as near, and on two blocks
_SAME_BLOCK, _OTHER_BLOCK = 2.0, 0.5
_OTHER_SIDE = 0.2
# Who reports two within a minute sees both of them; who reported it on another walk knows that he did
_AT_ONCE_S, _ONE_WALK_S = 60.0, 7200.0
_AT_ONCE, _KNOWN_TO_HIM = 0.2, 0.3
# How likely a thing that was closed is there again, beside one that was not
_COME_BACK = 0.25
# How often the density of things is estimated from what is probably new
_ROUNDS = 2
# Of 64 bits of a difference hash; pictures of one scene differ by a few, of two scenes by about 32
_SAME_PHOTO_BITS, _LIKE_PHOTO_BITS = 4, 12
_SAME_PHOTO, _LIKE_PHOTO, _OTHER_PHOTO = 1e4, 30.0, 0.5
_DAY_S = 86_400.0


def likely(
    findings: pd.DataFrame,
    *,
    radius_m: Mapping[str, float] | None = None,
    window_days: Mapping[str, float] | float = 7.0,
    relapse_days: float = 90.0,
    expected: float = 0.2,
    p_least: float = 0.5,
) -> pd.DataFrame:
    """Return pairs of findings that are probably one thing, with the evidence, most probable first.

    Two findings of one category are compared by how much better "the same thing, seen twice" explains
    their distance than "two things, as dense as things of this category lie here":

        L = exp(-d² / 2s²) / (2 pi s² density),   s² = s1² + s2² + (radius / 4)²

    times the evidence of photo, block, side and reporter.  With `expected` of all findings being second
    reports, p = expected L / (1 - expected + expected L); what was closed is there again a quarter as often.
    A pair is a *duplicate* if the second was seen before the first was closed, at most `window_days` later;
    a *relapse* if it was seen after.

    Parameters
    ----------
    findings : DataFrame
        `finding_id, category, x, y` (metres), `observed_at` (aware); optional `s_m` (standard deviation per
        axis, default 5), `closed_at`, `block_id`, `chainage_m`, `side`, `reporter` (who reported it),
        `photo_hash` (integer of 64 bits, a difference hash; equal scenes differ in few bits).
    radius_m : mapping, optional
        Extent of things by category, default 15 m.
    window_days : mapping or float
        How long after the first report another one may come, by category.
    relapse_days : float
        How long after closing a thing may come back and be called a relapse.
    expected : float
        Share of findings that report a thing for the second time.
    p_least : float
        Pairs less probable are left out.

    Returns
    -------
    DataFrame
        `first_id, second_id` (in order of time), `relation`, `p`, `distance_m`, `along_m` (along the street,
        NaN unless on one block), `hours` (between the reports, or since closing), `photo_bits` (that
        differ, NaN without photos), `same_side` (None if unknown).  A finding may be in several pairs.

    Raises
    ------
    MissingColumnError, GeoError

    Examples
    --------
    >>> heap = pd.DataFrame({"finding_id": [1, 2, 3], "category": "0136", "x": [0.0, 4.0, 300.0], "y": 0.0,
    ...     "observed_at": pd.to_datetime(["2020-09-25T08:00Z", "2020-09-25T15:00Z", "2020-09-25T15:00Z"])})
    >>> likely(heap)[["first_id", "second_id", "relation", "hours"]].to_numpy().tolist()
    [[1, 2, 'duplicate', 7.0]]
    """
    for column in ("finding_id", "category", "x", "y", "observed_at"):
        if column not in findings:
            raise MissingColumnError("findings have no column %(column)s", column=column)
    if not 0 < expected < 1:
        raise GeoError("the expected share of duplicates is %(given)s, not between 0 and 1", given=expected)
    known = _readable(findings)
    parts = [
        _pairs(
            group,
            (radius_m or {}).get(str(name), RADIUS_M),
            _window(window_days, str(name)),
            relapse_days,
            expected / (1.0 - expected),
        )
        for name, group in known.groupby("category", sort=True)
    ]
    pairs = pd.concat([part for part in parts if len(part)] or [_no_pairs()], ignore_index=True)
    weight = expected * pairs["likelihood"] * np.where(pairs["relation"] == "relapse", _COME_BACK, 1.0)
    pairs["p"] = weight / (1.0 - expected + weight)
    ranked = pairs.query("p >= @p_least").sort_values(
        ["p", "first_id", "second_id"], ascending=[False, True, True], kind="stable", ignore_index=True
    )
    return ranked[list(COLUMNS)]


def seen_before(pairs: pd.DataFrame) -> "pd.Series[float]":
    """Return how probably each later finding of the pairs is of what an earlier one reported: the likeliest.

    Parameters
    ----------
    pairs : DataFrame
        What `likely` returned; relapses are new things.

    Returns
    -------
    Series of float by finding id

    Examples
    --------
    >>> pairs = pd.DataFrame({"second_id": [3, 3, 4], "relation": "duplicate", "p": [0.25, 0.5, 0.75]})
    >>> seen_before(pairs).to_dict()
    {3: 0.5, 4: 0.75}
    """
    still = pairs[pairs["relation"] == "duplicate"]
    return still["p"].astype(np.float64).groupby(still["second_id"]).max()


def _window(window_days: Mapping[str, float] | float, category: str) -> float:
    """Return the window of a category in seconds."""
    days = window_days.get(category, 7.0) if isinstance(window_days, Mapping) else window_days
    return days * _DAY_S


def _readable(findings: pd.DataFrame) -> pd.DataFrame:
    """Return the findings by time with seconds, and defaults for what was not given."""
    findings = findings.reset_index(drop=True)
    nothing = pd.Series(None, index=findings.index, dtype=object)
    closed = findings.get("closed_at", nothing)
    # a column in which nothing is known has no type either
    nothing_closed = bool(closed.isna().all())
    table = pd.DataFrame(
        {
            "finding_id": findings["finding_id"],
            "category": findings["category"],
            "x": findings["x"].astype(float),
            "y": findings["y"].astype(float),
            "seen": seconds(findings["observed_at"]),
            "closed": np.nan if nothing_closed else seconds(closed),
            "s": findings.get("s_m", pd.Series(5.0, index=findings.index)).fillna(5.0).astype(float),
            "block": findings.get("block_id", nothing).astype(object),
            "chainage": findings.get("chainage_m", nothing).astype(float),
            "side": findings.get("side", nothing).astype(object),
            "reporter": findings.get("reporter", nothing).astype(object),
            "photo": findings.get("photo_hash", nothing).astype(object),
        }
    )
    placed = table.query("x == x and y == y and seen == seen")
    return placed.sort_values(["seen", "finding_id"], kind="stable", ignore_index=True)


def _pairs(
    group: pd.DataFrame, radius_m: float, window_s: float, relapse_days: float, odds: float
) -> pd.DataFrame:
    """Return all pairs of one category near in place and time, with their likelihood ratio."""
    group = group.reset_index(drop=True)
    xy = group[["x", "y"]].to_numpy()
    reach = radius_m + 4.0 * np.sqrt(2.0) * float(group["s"].max())
    found = cKDTree(xy).query_pairs(reach, output_type="ndarray")
    if not len(found):
        return _no_pairs()
    a, b = np.sort(found, axis=1).T
    relation, late = _relation(group, a, b, window_s, relapse_days * _DAY_S)
    kept = relation >= 0
    a, b, relation, late = a[kept], b[kept], relation[kept], late[kept]
    distance = np.hypot(*(xy[a] - xy[b]).T)
    spread = group["s"].to_numpy()[a] ** 2 + group["s"].to_numpy()[b] ** 2 + (radius_m / 4.0) ** 2
    fit = np.exp(-(distance**2) / (2.0 * spread)) / (2.0 * np.pi * spread)
    bits = _photo_bits(group["photo"], a, b)
    same_side = _same(group["side"], a, b)
    apart = group["seen"].to_numpy()[b] - group["seen"].to_numpy()[a]
    evidence = (
        _photo_ratio(bits)
        * _ratio(_same(group["block"], a, b), _SAME_BLOCK, _OTHER_BLOCK)
        * _ratio(same_side, 1.0, _OTHER_SIDE)
        * _ratio(_same(group["reporter"], a, b), _reporter_ratio(apart), 1.0)
    )
    along = np.abs(group["chainage"].to_numpy()[a] - group["chainage"].to_numpy()[b])
    block = _same(group["block"], a, b)
    likelihood = fit * evidence / _density(xy, xy[a])
    for _ in range(_ROUNDS):
        # what was reported ten times is no ten things that lie close: only what is probably new is counted
        again = np.bincount(b, likelihood * odds * (relation == 0), minlength=len(group)) > 1.0
        likelihood = fit * evidence / _density(xy[~again], xy[a])
    columns = {
        "first_id": group["finding_id"].to_numpy()[a],
        "second_id": group["finding_id"].to_numpy()[b],
        "relation": np.array(RELATIONS, dtype=object)[relation],
        "distance_m": distance,
        "along_m": np.where(np.equal(block, True), along, np.nan),
        "hours": late / 3600.0,
        "photo_bits": bits,
        "same_side": same_side,
        "likelihood": likelihood,
    }
    return pd.DataFrame(columns)


def _no_pairs() -> pd.DataFrame:
    """Return a table of no pairs."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS if name != "p"}).assign(
        likelihood=pd.Series(dtype=float)
    )


def _relation(
    group: pd.DataFrame, a: Ints, b: Ints, window_s: float, relapse_s: float
) -> tuple[Ints, Floats]:
    """Return 0 for a duplicate, 1 for a relapse, -1 for neither, and the seconds between."""
    seen, closed = group["seen"].to_numpy(), group["closed"].to_numpy()
    after = seen[b] - closed[a]
    relapse = (after > 0) & (after <= relapse_s)
    apart = seen[b] - seen[a]
    duplicate = ~(after > 0) & (apart <= window_s)
    relation = np.where(relapse, 1, np.where(duplicate, 0, -1))
    return relation.astype(np.int64), np.where(relapse, after, apart)


def _density(things: Floats, places: Floats) -> Floats:
    """Return how densely things lie around places, per square metre, from the 20 nearest.

    The pair itself is left out; never denser than one in 100 square metres, never thinner than one in
    a square kilometre.
    """
    k = min(20, len(things))
    if k < 4:
        return np.full(len(places), 1e-5)
    away = cKDTree(things).query(places, k=k)[0][:, -1]
    dense: Floats = np.clip((k - 2) / (np.pi * np.maximum(away, 1.0) ** 2), 1e-6, 1e-2)
    return dense


def _same(values: "pd.Series[Any]", a: Ints, b: Ints) -> NDArray[Any]:
    """Return whether two values are equal, None where one is unknown."""
    left, right = values.to_numpy()[a], values.to_numpy()[b]
    out = np.full(len(a), None, dtype=object)
    known = ~(pd.isna(left) | pd.isna(right))
    out[known] = left[known] == right[known]
    return out


def _ratio(same: NDArray[Any], if_same: Floats | float, if_other: float) -> Floats:
    """Return a likelihood ratio, 1 where it is not known whether two values are equal."""
    ratio: Floats = np.where(np.equal(same, True), if_same, np.where(np.equal(same, False), if_other, 1.0))
    return ratio


def _reporter_ratio(apart_s: Floats) -> Floats:
    """Return how much likelier it is that one person reported one thing twice than two things."""
    later: Floats = np.where(apart_s > _ONE_WALK_S, _KNOWN_TO_HIM, 1.0)
    return np.where(apart_s < _AT_ONCE_S, _AT_ONCE, later)


def _photo_bits(photos: "pd.Series[Any]", a: Ints, b: Ints) -> Floats:
    """Return how many bits of two photo hashes differ, NaN where one has none."""
    bits = np.full(len(a), np.nan)
    left, right = photos.to_numpy()[a], photos.to_numpy()[b]
    for k in np.flatnonzero(~(pd.isna(left) | pd.isna(right))).tolist():
        bits[k] = (int(left[k]) ^ int(right[k])).bit_count()
    return bits


def _photo_ratio(bits: Floats) -> Floats:
    """Return how much likelier the photos are of one thing than of two."""
    ratio = np.where(
        bits <= _SAME_PHOTO_BITS, _SAME_PHOTO, np.where(bits <= _LIKE_PHOTO_BITS, _LIKE_PHOTO, _OTHER_PHOTO)
    )
    return np.where(np.isnan(bits), 1.0, ratio)


def scored(pairs: pd.DataFrame, truth: pd.DataFrame) -> dict[str, float]:
    """Return precision and recall of pairs against true ones, the order within a pair ignored.

    Examples
    --------
    >>> said = pd.DataFrame({"first_id": [1, 4], "second_id": [2, 5]})
    >>> scored(said, pd.DataFrame({"first_id": [2, 7], "second_id": [1, 8]}))
    {'precision': 0.5, 'recall': 0.5}
    """
    said, true = (
        {frozenset(pair) for pair in table[["first_id", "second_id"]].itertuples(index=False)}
        for table in (pairs, truth)
    )
    hit = len(said & true)
    return {
        "precision": hit / len(said) if said else float("nan"),
        "recall": hit / len(true) if true else float("nan"),
    }
