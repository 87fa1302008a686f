"""Coverage: which stretches of which blocks were looked at, when, and on which side.

An element is an interval of whole millimetres with its recording; a union of elements is associative,
commutative and idempotent, so that a recording sent twice changes nothing and workers may merge in any order.
"""

from geo.coverage.answers import age, effort, gini, overdue, shares, union_m
from geo.coverage.passes import SIDES, STATES, Rules, checked, cover
from geo.coverage.union import merge, stretches

__all__ = [
    "SIDES",
    "STATES",
    "Rules",
    "age",
    "checked",
    "cover",
    "effort",
    "gini",
    "merge",
    "overdue",
    "shares",
    "stretches",
    "union_m",
]
