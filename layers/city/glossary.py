"""The words of the taxonomy written into the store, so that QGIS shows names and not codes."""

import hashlib
import json
from functools import cache
from typing import Any

from sqlalchemy import delete, insert

from layers import language
from layers.city import limits, taxonomy, versions
from layers.city.taxonomy import Category
from layers.store import Store
from layers.store.schema import category_word, word

_FACT = "words"


def keep(store: Store) -> None:
    """Bring the words in the store up to those that the program knows."""
    with store.read() as conn:
        if versions.read(conn).get(_FACT) == _digest():
            return
    with store.write() as conn:
        for table, rows in ((category_word, _categories()), (word, _words())):
            conn.execute(delete(table))
            conn.execute(insert(table), rows)
        versions.put(conn, _FACT, _digest())


@cache
def _digest() -> str:
    said = json.dumps([_categories(), _words()], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(said.encode("ascii")).hexdigest()


def _words() -> list[dict[str, str]]:
    topics = {"key_point": taxonomy.KEY_POINT_KINDS, "district": taxonomy.DISTRICT_LEVELS}
    return [
        {"topic": topic, "key": key, "zh": zh, "en": en}
        for topic, known in topics.items()
        for key, (zh, en) in known.items()
    ]


def _categories() -> list[dict[str, Any]]:
    return [_category(one) for one in taxonomy.shipped().all()]


def _category(one: Category) -> dict[str, Any]:
    limit, units = limits.of(one), taxonomy.units(one)
    row: dict[str, Any] = {
        name: getattr(one, name) for name in ("scheme", "code", "name_zh", "name_en", "kind")
    }
    for code in language.LANGUAGES:
        with language.using(code):
            main = one.main_class
            row[f"class_{code}"] = taxonomy.class_name(one.scheme, main) if main else None
    row["units_zh"] = "、".join(in_chinese for in_chinese, _ in units) or None
    row["units_en"] = "; ".join(in_english for _, in_english in units) or None
    row["limit_amount"] = limit.amount if limit else None
    row["limit_clock"] = limit.clock if limit else None
    return row
