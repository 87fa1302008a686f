"""Shopfronts along the streets, with their three-duty contracts; some are key points of their own."""

from datetime import timedelta

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import Point

from data.demo.ground import Ground
from data.demo.ground.kerb import beside, uses_beside
from data.demo.ground.network import Ints
from data.demo.plane import PLANE, Floats
from data.demo.town.places import Places

SLOT_M = 7.0
BY_USE = {"commerce": 1.0, "old": 0.65, "estate": 0.4, "town": 0.6, "village": 0.08, "industry": 0.02}
BY_CLASS = {
    "secondary": 1.0,
    "tertiary": 1.0,
    "residential": 0.7,
    "primary": 0.6,
    "living_street": 0.4,
    "service": 0.1,
}

TRADES = (
    ("restaurant", "饭馆", 0.17),
    ("snack_bar", "小吃", 0.11),
    ("convenience_store", "便利店", 0.1),
    ("grocery", "副食店", 0.08),
    ("fruit", "果蔬店", 0.07),
    ("hairdresser", "理发店", 0.08),
    ("clothes", "服装店", 0.09),
    ("pharmacy", "药店", 0.05),
    ("hardware", "五金店", 0.06),
    ("repair", "修理部", 0.05),
    ("laundry", "洗衣店", 0.03),
    ("print", "文印店", 0.03),
    ("lottery", "彩票站", 0.02),
    ("tobacco", "烟酒店", 0.06),
)
"""Trade, last word of the sign, share; the shares are a guess at an ordinary district."""


def open_up(ground: Ground, places: Places) -> gpd.GeoDataFrame:
    """Return the shopfronts; tobacco shops, internet cafés and game halls become key points too."""
    street, chainage, side = _slots(ground, places)
    shops = _signs(ground, street)
    width = ground.streets["width_m"].to_numpy()[street]
    points = beside(ground.streets.geometry.to_numpy()[street], chainage, side, width / 2 + 6.5)
    shops["street_source_id"] = ground.streets["source_id"].to_numpy()[street]
    shops["street_name"] = ground.streets["name"].to_numpy()[street]
    shops["door_no"] = [_door(c, s) for c, s in zip(chainage, side, strict=True)]
    frame = gpd.GeoDataFrame(shops, geometry=shapely.points(points), crs=PLANE)
    _with_contracts(ground, frame)
    for row in frame[frame["trade"].isin(["tobacco", "internet_cafe", "game_hall"])].itertuples():
        places.add(ground.county, row.trade, row.name, Point(row.geometry), shop_id=row.source_id)
    return frame


def _slots(ground: Ground, places: Places) -> tuple[Ints, Floats, Ints]:
    """Choose the sides of streets that have shops, then the slots on them."""
    rng, lengths = ground.site.rng, ground.network.lengths
    free = np.array([p.use in BY_USE and n not in places.used for n, p in enumerate(ground.parcels)])
    parcels = np.array([parcel.shape for parcel in ground.parcels], dtype=object)[free]
    uses = np.array([parcel.use for parcel in ground.parcels], dtype=object)[free]
    beside_use = uses_beside(ground.network, parcels, uses)
    by_class = (
        ground.streets["class"].map(BY_CLASS).fillna(0.0).to_numpy()
        * (ground.streets["layer"] == 0).to_numpy()
    )
    weight = np.array([[BY_USE.get(use, 0.0) for use in row] for row in beside_use]) * by_class[:, None]
    room = np.maximum(np.floor((lengths - 22.0) / SLOT_M), 0).astype(np.int64)
    # sides drawn without replacement, the likeliest first: exponential clocks
    clock = rng.exponential(1.0, weight.shape) / np.maximum(weight, 1e-9)
    order = [n for n in np.argsort(clock, axis=None, kind="stable").tolist() if weight.flat[n] > 0]
    street: list[Ints] = []
    slot: list[Ints] = []
    side: list[Ints] = []
    total = 0
    for n in order:
        if total >= ground.size.shopfronts:
            break
        taken = np.flatnonzero(rng.random(room[n // 2]) < 0.86)
        street.append(np.full(len(taken), n // 2))
        slot.append(taken)
        side.append(np.full(len(taken), 1 if n % 2 == 0 else -1))
        total += len(taken)
    streets, sides = np.concatenate(street), np.concatenate(side)
    chainage = 11.0 + SLOT_M * (np.concatenate(slot) + 0.5)
    keep = np.sort(rng.permutation(len(streets))[: ground.size.shopfronts])
    return streets[keep], np.asarray(chainage[keep], dtype=np.float64), sides[keep]


def _signs(ground: Ground, street: Ints) -> dict[str, list[object]]:
    """Draw trades and signs; a few shops are internet cafés and game halls."""
    rng, size = ground.site.rng, ground.size
    share = np.array([one[2] for one in TRADES])
    trade = rng.choice(len(TRADES), len(street), p=share / share.sum())
    kinds = [TRADES[n][0] for n in trade]
    tails = [TRADES[n][1] for n in trade]
    special = rng.permutation(len(street))[: size.internet_cafes + size.game_halls].tolist()
    for k, n in enumerate(special):
        kinds[n], tails[n] = ("internet_cafe", "网吧") if k < size.internet_cafes else ("game_hall", "游艺厅")
    return {
        "source_id": [f"{ground.county}S{n + 1:06d}" for n in range(len(street))],
        "name": [ground.site.names.shop(tail) for tail in tails],
        "trade": list(kinds),
    }


def _door(chainage: float, side: int) -> str:
    """Even numbers on the left, odd ones on the right."""
    return f"{2 * int(chainage // SLOT_M) + (2 if side > 0 else 1)}号"


def _with_contracts(ground: Ground, frame: gpd.GeoDataFrame) -> None:
    """Add the three-duty contract: clean, green and orderly in front of the door."""
    rng, number = ground.site.rng, len(frame)
    signed = rng.random(number) < 0.92
    day = rng.integers(30, 900, number)
    dates = [ground.size.first_day - timedelta(days=int(n)) for n in day]
    frame["frontage_m"] = np.round(rng.uniform(3.0, 7.0, number), 1)
    frame["contract_no"] = [f"SB{ground.county}-{n + 1:06d}" if ok else "" for n, ok in enumerate(signed)]
    frame["signed_on"] = [one.isoformat() if ok else "" for one, ok in zip(dates, signed, strict=True)]
    frame["valid_to"] = [
        (one + timedelta(days=730)).isoformat() if ok else "" for one, ok in zip(dates, signed, strict=True)
    ]
    frame["signed_by"] = np.where(signed, "经营者", "")
    frame["duties"] = np.where(signed, "clean;green;order", "")
