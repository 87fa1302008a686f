"""Patrols for tomorrow: for each shift a walk over the blocks that are most worth looking at.

An orienteering problem on the edges of a network (Golden, Levy and Vohra 1987, doi
10.1002/1520-6750(198706)34:3<307::AID-NAV3220340302>3.0.CO;2-D): a closed walk from a station, at most as
long as the shift, that collects as much worth as it can.  Whatever is walked is looked at, on the way to
a stop too.  Solved by insertion, reversal of stretches, and taking out and putting back (Schrimpf et al.
2000, doi 10.1006/jcph.1999.6413); the same question has the same answer on every machine.
"""

from geo.patrols.lots import Lot
from geo.patrols.planning import Bell, Route, Shift, plan
from geo.patrols.worth import renewed, worth

__all__ = ["Bell", "Lot", "Route", "Shift", "plan", "renewed", "worth"]
