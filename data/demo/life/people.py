"""Units, groups, accounts and phones; names are of posts, never of persons."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.demo.ground import Ground
from data.demo.life.phones import Device, issue
from data.demo.town.areas import Areas

TRADES = (
    ("urban_management", "城市管理委员会"),
    ("traffic_police", "公安交警支队"),
    ("market_supervision", "市场监督管理局"),
    ("education", "教育局"),
    ("culture", "文化和旅游局"),
    ("health", "卫生健康委员会"),
    ("housing", "住房和建设委员会"),
    ("planning", "规划和自然资源分局"),
    ("greenery", "园林绿化服务中心"),
    ("water", "水务局"),
    ("fire", "消防救援支队"),
    ("tobacco", "烟草专卖局"),
)


@dataclass(frozen=True)
class Walker:
    """Someone who reports from the street: account, channel, duty area and phone."""

    login: str
    channel: str
    duty: int
    device: Device
    eye: float


@dataclass(frozen=True)
class Staff:
    """The people of one district, ready to be written, and those who walk."""

    units: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    devices: list[Device]
    walkers: list[Walker]


def appoint(ground: Ground, areas: Areas) -> Staff:
    """Appoint the district's people: enough walkers for its shifts, twice over."""
    units, groups = _units(ground, areas), _groups(ground)
    count = max(8, round(ground.size.shifts_a_day * 1.5)) + ground.size.volunteers
    devices = issue(count, ground.county, ground.size.days, ground.site.rng)
    walkers = _walkers(ground, areas, devices)
    accounts = [_walker_account(ground, walker) for walker in walkers] + _desk(ground, units)
    return Staff(units, groups, accounts, devices, walkers)


def _units(ground: Ground, areas: Areas) -> list[dict[str, Any]]:
    territories = areas.frame[areas.frame["level"] == "subdistrict"].sort_values("code")
    of_area = [
        {"key": f"territory-{row.code}", "name": row.name, "kind": "territory", "area_code": row.code}
        for row in territories.itertuples(index=False)
    ]
    of_trade = [{"key": key, "name": ground.name + name, "kind": "trade_unit"} for key, name in TRADES]
    office = {"key": "campaign_office", "name": ground.name + "文明创建办公室", "kind": "campaign_office"}
    return [office, *of_area, *of_trade]


def _groups(ground: Ground) -> list[dict[str, Any]]:
    rounds = [
        {"key": f"inspection-{n + 1}", "name": f"督察{sign}组", "channel": "inspection"}
        for n, sign in enumerate("一二三四")
    ]
    return [
        *rounds,
        {"key": "third-party", "name": "第三方测评组", "channel": "third_party"},
        {"key": "volunteers", "name": "志愿者服务队", "channel": "volunteer"},
    ]


def _walkers(ground: Ground, areas: Areas, devices: list[Device]) -> list[Walker]:
    """Give every phone a walker; one in seven works for the third party, the last are volunteers."""
    rng, walkers = ground.site.rng, []
    duties = int(areas.duty.max()) + 1
    people = np.bincount(areas.duty, areas.pieces.people + 50.0)
    first_volunteer = len(devices) - ground.size.volunteers
    for n, device in enumerate(devices):
        channel = "volunteer" if n >= first_volunteer else "third_party" if n % 7 == 6 else "inspection"
        short = {"volunteer": "zy", "third_party": "sf", "inspection": "dc"}[channel]
        duty = n if n < duties else int(rng.choice(duties, p=people / people.sum()))
        eye = float(rng.beta(8, 3)) * (0.6 if channel == "volunteer" else 1.0)
        walkers.append(Walker(f"{short}{ground.number + 1:02d}{n + 1:03d}", channel, duty, device, eye))
    return walkers


def _walker_account(ground: Ground, walker: Walker) -> dict[str, Any]:
    group = {"volunteer": "volunteers", "third_party": "third-party"}.get(walker.channel, "")
    label = {"volunteer": "志愿者", "third_party": "测评员", "inspection": "督察员"}[walker.channel]
    return {
        "login": walker.login,
        "display_name": f"{label}{walker.login[2:]}",
        "role": "inspector",
        "group": group or f"inspection-{int(walker.login[-3:]) % 4 + 1}",
        "duty_area": f"{ground.county}D{walker.duty + 1:03d}",
        "devices": [walker.device.device_id],
    }


def _desk(ground: Ground, units: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tag = f"{ground.number + 1:02d}"
    rows = [
        (f"admin{tag}", "系统管理员", "admin", "campaign_office"),
        (f"planner{tag}", "规划分析岗", "planner", "campaign_office"),
        (f"dispatch{tag}", "派遣值班岗", "supervisor", "campaign_office"),
    ]
    rows += [
        (f"unit{tag}{n:02d}", unit["name"] + "联络员", "supervisor", unit["key"])
        for n, unit in enumerate(units[1:])
    ]
    return [{"login": a, "display_name": b, "role": c, "unit": d} for a, b, c, d in rows]
