"""On which street block a position lies: a calibrated posterior over the blocks around it."""

from geo.assign.accuracy import ACCURACY_KINDS, SOURCES, AccuracyKind, SourceError, sd_of
from geo.assign.fitting import fit_source
from geo.assign.frames import COLUMNS, assign, candidates, warm_up
from geo.assign.index import BlockIndex
from geo.assign.model import Model
from geo.assign.placement import Evidence, Placement, Track

__all__ = [
    "ACCURACY_KINDS",
    "COLUMNS",
    "SOURCES",
    "AccuracyKind",
    "BlockIndex",
    "Evidence",
    "Model",
    "Placement",
    "SourceError",
    "Track",
    "assign",
    "candidates",
    "fit_source",
    "sd_of",
    "warm_up",
]
