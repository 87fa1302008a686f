"""Distance rules around schools and other places: which holds on a day, how it measures, who is inside."""

from geo.clearance.audit import VERDICTS, audit
from geo.clearance.distance import p_inside, pairs_within
from geo.clearance.rules import (
    DAYS,
    MEASURE,
    MEASURED_FROM,
    MEASURED_TO,
    STATUS,
    Rule,
    concerns,
    in_force,
    protects,
    read_rules,
)
from geo.clearance.spacing import spacing
from geo.clearance.zones import distances_m, zone, zones

__all__ = [
    "DAYS",
    "MEASURE",
    "MEASURED_FROM",
    "MEASURED_TO",
    "STATUS",
    "VERDICTS",
    "Rule",
    "audit",
    "concerns",
    "distances_m",
    "in_force",
    "p_inside",
    "pairs_within",
    "protects",
    "read_rules",
    "spacing",
    "zone",
    "zones",
]
