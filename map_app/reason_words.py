"""Why a block is walked, in words."""

from layers.language import gettext


def reason(name: str) -> str:
    """Return what a reason of `layers.analysis.patrol_plan` is called."""
    return {
        "recheck": gettext("re-check due"),
        "school": gettext("school, before the bell"),
        "overdue": gettext("overdue"),
        "likely": gettext("likely spot"),
        "sample": gettext("drawn by lot"),
        "": gettext("on the way"),
    }[name]
