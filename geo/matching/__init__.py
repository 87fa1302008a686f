"""Map matching: which block each fix of a patrol lies on, and which stretches it travelled.

A hidden Markov model of our own: candidates near each fix, Gaussian emission with a wide tail, routes by
bounded Dijkstra, Viterbi for the path and forward-backward for probabilities.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.special import i0e

from geo import recordings, tracks
from geo.matching.model import Model
from geo.matching.network import Network, network
from geo.matching.outing import GAP_S, matched
from geo.matching.tables import Trace, context

__all__ = [
    "GAP_S",
    "Model",
    "Network",
    "Trace",
    "context",
    "match",
    "model_for",
    "network",
    "trace",
    "warm_up",
]


_PACE = {"walking": 1.3, "cycling": 4.0, "driving": 7.0}


def model_for(mode: str, *, metres_per_area: float = 0.02) -> Model:
    """Return the default parameters for a way to patrol.

    Parameters
    ----------
    mode : {"walking", "cycling", "driving"}
    metres_per_area : float
        Metres of street per square metre, for the density of positions off the network.

    Examples
    --------
    >>> model_for("driving").fastest
    40.0
    """
    way = recordings.mode_named(mode)
    heading_k = 6.0
    return Model(
        max_candidates=16,
        radius_sds=4.0,
        radius_m=10.0,
        radius_max=100.0,
        wide=0.1,
        off=0.03 * min(max(metres_per_area, 0.005), 0.1),
        leave=8.0,
        turn=9.0,
        slack=4.0,
        slack_share=0.15,
        detour=3.0,
        detour_m=200.0,
        fastest=way.fastest_mps,
        straying=0.23,
        heading_k=heading_k,
        log_bessel=float(np.log(i0e(heading_k)) + heading_k),
        beside=way.on_foot,
        kerb_sd=1.5,
        memory_s=20.0,
        wobble=1.0,
        same_hand=0.75,
        crossing=0.03,
        renewal_s=6.0,
        wander=1.0,
        wandering=0.3,
        shortcut=0.03 if way.on_foot else 0.02,
        entering=100.0 if way.on_foot else 0.0,
        steady=0.7,
        spread=0.25,
        pace=_PACE[way.name],
    )


def match(
    fixes: pd.DataFrame,
    blocks: gpd.GeoDataFrame | Network,
    *,
    mode: str = "walking",
    outing: tuple[float, float] | None = None,
    model: Model | None = None,
    gap_s: float = GAP_S,
) -> pd.DataFrame:
    """Return for each fix the block it lies on, where on it, and how probable that is.

    Parameters
    ----------
    fixes : DataFrame or GeoDataFrame
        As `geo.recordings.read` takes it; any order, several recordings by `track_id`.
    blocks : GeoDataFrame or Network
        As `geo.blocks.build` makes them; for many calls prepare them once with `network`.
    mode : {"walking", "cycling", "driving"}
        Also foot, bicycle, vehicle.  Only cars keep to one-way streets.
    outing : (start, end), optional
        Seconds since 1970; fixes outside are taken out.
    model : Model, optional
        Default: `model_for`.
    gap_s : float
        Longest silence that is bridged, seconds.

    Returns
    -------
    DataFrame, a row per fix with the index of `fixes`
        `block_id` (None: off the network, or taken out), `chainage_m`, `p` (posterior of the block),
        `offset_m` (distance, positive on the left of the block's direction), `direction` (1 along the
        block, -1 against, 0 without one), `chain` (number of the unbroken stretch), `reason` (why a fix
        was taken out, else empty), and `track_id, time_s, s_m` as they were read.

    Raises
    ------
    MissingColumnError, GeometryKindError, NoCRSError, GeoError

    References
    ----------
    Newson, Krumm (2009), "Hidden Markov map matching through noise and sparseness",
    doi 10.1145/1653771.1653818.

    Examples
    --------
    >>> import shapely
    >>> corner = gpd.GeoDataFrame({"block_id": ["a", "b"], "start_node": [1, 2], "end_node": [2, 3]},
    ...     geometry=shapely.from_wkt(["LINESTRING (0 0, 60 0)", "LINESTRING (60 0, 60 80)"]), crs=32650)
    >>> walk = gpd.GeoDataFrame({"time": [0, 20, 40, 60], "accuracy_m": 5.0},
    ...     geometry=shapely.points([[20, 2], [45, -3], [62, 10], [58, 40]]), crs=32650)
    >>> match(walk, corner)[["block_id", "chainage_m"]].to_numpy().tolist()
    [['a', 20.0], ['a', 45.0], ['b', 10.0], ['b', 40.0]]
    """
    return trace(fixes, blocks, mode=mode, outing=outing, model=model, gap_s=gap_s).fixes


def trace(
    fixes: pd.DataFrame,
    blocks: gpd.GeoDataFrame | Network,
    *,
    mode: str = "walking",
    outing: tuple[float, float] | None = None,
    model: Model | None = None,
    gap_s: float = GAP_S,
) -> Trace:
    """Return the fixes matched, the stretches travelled between them, and the posterior of all blocks.

    Parameters and errors as in `match`.

    Examples
    --------
    >>> import shapely
    >>> line = gpd.GeoDataFrame({"block_id": ["a"], "start_node": [1], "end_node": [2]},
    ...     geometry=shapely.from_wkt(["LINESTRING (0 0, 60 0)"]), crs=32650)
    >>> walk = gpd.GeoDataFrame({"time": [0, 20], "accuracy_m": 5.0},
    ...     geometry=shapely.points([[50, 2], [25, -3]]), crs=32650)
    >>> trace(walk, line).legs[["block_id", "from_m", "to_m"]].to_numpy().tolist()
    [['a', 50.0, 25.0]]
    """
    way = recordings.mode_named(mode)
    net = blocks if isinstance(blocks, Network) else network(blocks, on_foot=not way.with_traffic)
    recording = recordings.read(fixes, net.crs)
    cleaned = tracks.cleaned_arrays(recording, way, outing)
    used = model or model_for(mode, metres_per_area=net.metres_per_area)
    return matched(net, used, recording, cleaned, fixes.index, gap_s, way.name)


def warm_up() -> None:
    """Compile or load every kernel of matching, so that no request waits for it.

    Examples
    --------
    >>> warm_up()
    """
    line = shapely.LineString([(0.0, 0.0), (100.0, 0.0)])
    blocks = gpd.GeoDataFrame(
        {"block_id": ["a"], "start_node": [1], "end_node": [2]}, geometry=[line], crs="EPSG:32650"
    )
    points = shapely.points([[10.0, 2.0], [30.0, 2.0], [33.0, 2.0], [90.0, 1.0]])
    fixes = gpd.GeoDataFrame({"time": [0.0, 10.0, 12.0, 400.0]}, geometry=points, crs="EPSG:32650")
    trace(fixes, blocks)
