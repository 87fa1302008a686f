"""Categories as a reader meets them: names, classes, and the lines of a legend."""

from collections.abc import Sequence

import pandas as pd

from layers.city import taxonomy
from layers.city.taxonomy import Taxonomy
from layers.errors import InvalidError
from layers.language import gettext
from map_app import style
from map_app.style import Entry

# Fewer main classes than this tell a reader nothing
_FEWEST_CLASSES = 3


def name(known: Taxonomy, scheme: str, code: str) -> str:
    """Return the name of a category; the bare code where the site does not know it."""
    try:
        return known.category(scheme, code).name()
    except InvalidError:
        return f"{scheme} {code}"


def class_key(known: Taxonomy, scheme: str, code: str) -> str:
    """Return the key of the main class of a category: ``scheme.class.*``."""
    category = known.categories.get((scheme, code))
    return f"{scheme}.{category.main_class if category and category.main_class else ''}.*"


def class_name(known: Taxonomy, key: str) -> str:
    """Return what a class is called; a scheme without classes by its title."""
    scheme, main_class, _ = key.split(".")
    found = taxonomy.class_name(scheme, main_class)
    if found:
        return found
    return known.schemes[scheme].title() if scheme in known.schemes else scheme


def entries(
    known: Taxonomy, used: Sequence[tuple[str, str, int]]
) -> tuple[list[Entry], dict[tuple[str, str], int]]:
    """Return the legend of the categories in use, and which line each category is on.

    One line per category where there are few enough for as many colours; else one per main class; where
    there are no classes to speak of, the commonest and all others together.
    """
    n_classes = len({class_key(known, scheme, code) for scheme, code, _ in used})
    if len(used) <= len(style.CATEGORY_COLOURS) or n_classes < _FEWEST_CLASSES:
        return _by_category(known, used)
    keys = [class_key(known, scheme, code) for scheme, code, _ in used]
    order = list(pd.Series([n for _, _, n in used]).groupby(keys).sum().sort_values(ascending=False).index)
    lines = style.entries([(key, class_name(known, key)) for key in order])
    which = {(scheme, code): order.index(key) for (scheme, code, _), key in zip(used, keys, strict=True)}
    return lines, which


def _by_category(
    known: Taxonomy, used: Sequence[tuple[str, str, int]]
) -> tuple[list[Entry], dict[tuple[str, str], int]]:
    n_own = len(used) if len(used) <= len(style.CATEGORY_COLOURS) else len(style.CATEGORY_COLOURS) - 1
    named = [(f"{scheme}.{code}", name(known, scheme, code)) for scheme, code, _ in used[:n_own]]
    if n_own < len(used):
        named.append(("others", gettext("All others")))
    return style.entries(named), {(scheme, code): min(k, n_own) for k, (scheme, code, _) in enumerate(used)}
