"""What was found around a place, for printing: weeks beside the looking, hours and bells, kinds."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from layers.analysis.around import Around
from layers.city.taxonomy import Taxonomy
from layers.settings import Settings
from map_app.surroundings_words import change
from map_app.words import number

# How high the tallest bar is drawn
_HIGH = 70.0
# Below so many metres looked along a rate says nothing
FEWEST_M = 500.0


def of(found: Around, categories: Taxonomy, settings: Settings, *, bells: bool = True) -> dict[str, Any]:
    """Return the parts of the page that say what was found around a place."""
    weeks = found.weeks
    active = (weeks["n"] > 0) | (weeks["inspected_m"] > 0)
    weeks = weeks.loc[active.idxmax() :] if active.any() else weeks.iloc[:0]
    most, longest = max([1, *weeks["n"].tolist()]), max([1.0, *weeks["inspected_m"].tolist()])
    return {
        "weeks": [_week(row, most, longest) for row in weeks.to_dict("records")],
        "hours": _hours(found.hours),
        "bells": [_minutes(bell) / 60 for bell in settings.bells] if bells else [],
        "bell_names": ", ".join(settings.bells),
        "bell_minutes": settings.bell_minutes,
        "bell_width": settings.bell_minutes / 30,
        "n": len(found.near),
        "at_bell": int(found.near["at_bell"].sum()),
        "period": settings.surroundings_days,
        "kinds": [
            {
                "name": categories.category(str(row["scheme"]), str(row["code"])).name(),
                "n": int(row["n"]),
                "before": int(row["n_before"]),
                "change": change(int(row["n"]), int(row["n_before"])),
                "at_bell": int(row["at_bell"]),
                "category": f"{row['scheme']}.{row['code']}",
            }
            for row in found.kinds.to_dict("records")
        ],
    }


def _week(row: Mapping[Any, Any], most: int, longest: float) -> dict[str, Any]:
    n, metres = int(row["n"]), float(row["inspected_m"])
    return {
        "name": row["monday"].isoformat(),
        "n": n,
        "at_bell": int(row["at_bell"]),
        "km": number(metres / 1000, 1),
        "per_km": "" if metres < FEWEST_M else number(1000 * n / metres, 1),
        "high": round(_HIGH * n / most, 1),
        "bell_high": round(_HIGH * int(row["at_bell"]) / most, 1),
        "long": round(48 * metres / longest, 1),
    }


def _hours(hours: pd.DataFrame) -> list[dict[str, Any]]:
    most, longest = max(1, hours["n"].max()), max(1.0, hours["inspected_m"].max())
    return [
        {
            "hour": hour,
            "n": int(n),
            "high": round(4 * n / most, 2),
            "km": number(metres / 1000, 1),
            "long": round(2 * metres / longest, 2),
            "per_km": "" if metres < FEWEST_M else number(1000 * n / metres, 1),
        }
        for hour, (n, metres) in enumerate(hours[["n", "inspected_m"]].itertuples(index=False))
    ]


def _minutes(bell: str) -> int:
    return int(bell[:2]) * 60 + int(bell[3:])
