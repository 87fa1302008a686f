"""How large a demo city is: its extent, its settlements, its staff and its month."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Plan:
    """The ground plan of one district, in metres from its centre, before it is bent and turned."""

    half_x: float
    half_y: float
    core_x: float
    core_y: float
    ring: bool
    mains_x: tuple[float, ...]
    mains_y: tuple[float, ...]
    through: int
    secondary_gap: float
    river_y: float
    railway_x: float
    bend_m: float
    country_m2: float
    villages: int
    towns: int
    old_town: tuple[float, float, float]
    commerce: tuple[float, float, float]
    industry: tuple[float, float, float]


@dataclass(frozen=True)
class Size:
    """What is made for one district, how many districts there are and how long they are watched.

    `problems_per_km` scales all births; `settled_days` is how old a lasting problem can be on the first
    morning: the more patrols there are, the fewer old ones they have left.
    """

    name: str
    plan: Plan
    districts: int
    subdistricts: int
    towns: int
    communities: int
    grid_m2: float
    duty_areas: int
    kindergartens: int
    primaries: int
    secondaries: int
    hospitals: int
    markets: int
    supermarkets: int
    metro: int
    internet_cafes: int
    game_halls: int
    parking_lots: int
    toilets: int
    shopfronts: int
    first_day: date
    days: int
    shifts_a_day: int
    shift_hours: float
    fix_every_s: float
    problems_per_km: float
    settled_days: float
    volunteers: int


_DISTRICT_PLAN = Plan(
    half_x=7600.0,
    half_y=6400.0,
    core_x=1980.0,
    core_y=1690.0,
    ring=True,
    mains_x=(-1290.0, -420.0, 530.0, 1330.0),
    mains_y=(-1010.0, -210.0, 710.0),
    through=2,
    secondary_gap=440.0,
    river_y=-650.0,
    railway_x=-880.0,
    bend_m=330.0,
    country_m2=1.5e6,
    villages=26,
    towns=5,
    old_town=(180.0, -370.0, 500.0),
    commerce=(520.0, 250.0, 640.0),
    industry=(1700.0, 1100.0, 800.0),
)

_SMALL_PLAN = Plan(
    half_x=680.0,
    half_y=560.0,
    core_x=400.0,
    core_y=330.0,
    ring=False,
    mains_x=(60.0,),
    mains_y=(90.0,),
    through=1,
    secondary_gap=300.0,
    river_y=-200.0,
    railway_x=-200.0,
    bend_m=45.0,
    country_m2=3.0e5,
    villages=2,
    towns=0,
    old_town=(190.0, -60.0, 120.0),
    commerce=(130.0, 180.0, 110.0),
    industry=(-380.0, 260.0, 120.0),
)

SMALL = Size(
    name="small",
    plan=_SMALL_PLAN,
    districts=1,
    subdistricts=2,
    towns=1,
    communities=9,
    grid_m2=16_000.0,
    duty_areas=4,
    kindergartens=2,
    primaries=2,
    secondaries=1,
    hospitals=1,
    markets=2,
    supermarkets=3,
    metro=1,
    internet_cafes=3,
    game_halls=1,
    parking_lots=6,
    toilets=5,
    shopfronts=450,
    first_day=date(2025, 9, 1),
    days=10,
    shifts_a_day=8,
    shift_hours=2.0,
    fix_every_s=10.0,
    problems_per_km=45.0,
    settled_days=45.0,
    volunteers=3,
)

DISTRICT = Size(
    name="district",
    plan=_DISTRICT_PLAN,
    districts=1,
    subdistricts=8,
    towns=7,
    communities=200,
    grid_m2=8_000.0,
    duty_areas=40,
    kindergartens=27,
    primaries=20,
    secondaries=13,
    hospitals=9,
    markets=14,
    supermarkets=26,
    metro=9,
    internet_cafes=46,
    game_halls=12,
    parking_lots=70,
    toilets=90,
    shopfronts=15_000,
    first_day=date(2025, 9, 1),
    days=30,
    shifts_a_day=50,
    shift_hours=3.0,
    fix_every_s=10.0,
    problems_per_km=36.0,
    settled_days=45.0,
    volunteers=30,
)

CITY = Size(
    **{
        **DISTRICT.__dict__,
        "name": "city",
        "districts": 16,
        "shifts_a_day": 300,
        "shift_hours": 8.0,
        "problems_per_km": 60.0,
        "settled_days": 2.5,
    }
)

SIZES = {size.name: size for size in (SMALL, DISTRICT, CITY)}
