"""Categories as a reader meets them: names, classes, and the lines of a legend."""

from collections.abc import Sequence

import pandas as pd

from layers.city import taxonomy
from layers.city.taxonomy import Taxonomy
from layers.errors import InvalidError
from map_app import style
from map_app.style import Entry


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

    One line per category where there are few enough for as many colours, else one per class.
    """
    if len(used) <= len(style.CATEGORY_COLOURS):
        named = [(f"{scheme}.{code}", name(known, scheme, code)) for scheme, code, _ in used]
        return style.entries(named), {(scheme, code): k for k, (scheme, code, _) in enumerate(used)}
    keys = [class_key(known, scheme, code) for scheme, code, _ in used]
    order = list(pd.Series([n for _, _, n in used]).groupby(keys).sum().sort_values(ascending=False).index)
    lines = style.entries([(key, class_name(known, key)) for key in order])
    which = {(scheme, code): order.index(key) for (scheme, code, _), key in zip(used, keys, strict=True)}
    return lines, which
