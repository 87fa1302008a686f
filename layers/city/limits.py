"""When what was found should have been put right: typical limits of the categories, by their clocks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from layers.city.taxonomy import Category

LASTING = frozenset({"state", "part"})
# What lasts and has no limit of its own in the taxonomy
USUAL_DAYS = 5
# Offices work so many hours a day, and not at weekends; holidays are not known
HOURS_A_DAY = 8
_WEEKEND = 5


@dataclass(frozen=True, slots=True)
class Limit:
    """So many hours or days, by a clock of the taxonomy."""

    amount: float
    clock: str

    def due_at(self, observed_at: datetime, zone: ZoneInfo) -> datetime:
        """Return when the time is up for what was observed then.

        >>> friday = datetime(2026, 11, 27, 15, tzinfo=ZoneInfo("Asia/Shanghai"))
        >>> Limit(1, "working_day").due_at(friday, ZoneInfo("Asia/Shanghai")).isoformat()
        '2026-11-30T15:00:00+08:00'
        >>> Limit(2, "urgent_hour").due_at(friday, ZoneInfo("Asia/Shanghai")).isoformat()
        '2026-11-27T17:00:00+08:00'
        """
        local = observed_at.astimezone(zone)
        if self.clock == "urgent_hour":
            return local + timedelta(hours=self.amount)
        if self.clock in {"urgent_day", "calendar_day"}:
            return local + timedelta(days=self.amount)
        days = self.amount if self.clock == "working_day" else self.amount / HOURS_A_DAY
        whole = int(days)
        due = local
        for _ in range(whole):
            due = _next_working_day(due)
        due += timedelta(hours=HOURS_A_DAY * (days - whole))
        return due if due.weekday() < _WEEKEND else _next_working_day(due)


def _next_working_day(local: datetime) -> datetime:
    later = local + timedelta(days=1)
    while later.weekday() >= _WEEKEND:
        later += timedelta(days=1)
    return later


@cache
def typical() -> Mapping[tuple[str, str], Limit]:
    """Return the typical limits of categories that last until somebody puts them right, by scheme and code.

    >>> typical()["cjt214-2007-event", "0101"]
    Limit(amount=2, clock='urgent_day')
    """
    data = json.loads(files("data").joinpath("taxonomy.json").read_text(encoding="utf-8"))
    return {
        (one["scheme"], one["code"]): Limit(one["typical_limit"]["amount"], one["typical_limit"]["clock"])
        for one in data["items"]
        if one.get("typical_limit") and one["kind"] in LASTING
    }


def of(category: Category) -> Limit | None:
    """Return the limit of a category; None of a passing act, and of what can drive away."""
    if category.kind not in LASTING:
        return None
    return typical().get((category.scheme, category.code), Limit(USUAL_DAYS, "working_day"))
