import json
from importlib.resources import files

import pytest

from layers import language
from layers.city import taxonomy
from layers.city.taxonomy import Category
from layers.errors import InvalidError
from layers.site import Site


def test_every_shipped_code_has_its_scheme_its_names_and_its_kind() -> None:
    known = taxonomy.shipped()
    data = json.loads(files("data").joinpath("taxonomy.json").read_text(encoding="utf-8"))
    assert (
        len(known.categories) == len(data["items"]) == len({(i["scheme"], i["code"]) for i in data["items"]})
    )
    for category in known.all():
        assert category.scheme in known.schemes
        assert category.kind in taxonomy.KINDS
        assert category.name_zh
        assert category.name_en


def test_a_code_means_nothing_without_its_scheme() -> None:
    known = taxonomy.shipped()
    older = known.category("cjt214-2007-event", "0501")
    newer = known.category("gbt30428-2013-event", "0401")
    assert older.name_zh == newer.name_zh == "无照经营游商"
    with pytest.raises(InvalidError) as caught:
        known.category("gbt30428-2013-event", "0599")
    assert caught.value.field == "code"
    with pytest.raises(InvalidError) as caught:
        known.category("iso", "0401")
    assert caught.value.field == "scheme"


def test_a_category_is_written_as_one_word() -> None:
    known = taxonomy.shipped()
    category = known.category("gbt30428-2013-event", "0406")
    assert category.id == "gbt30428-2013-event.0406"
    assert known.parse(category.id) == category
    with pytest.raises(InvalidError):
        known.parse("0406")


def test_names_follow_the_language_in_use() -> None:
    category = taxonomy.shipped().category("gbt30428-2013-event", "0406")
    with language.using("zh"):
        assert category.name() == category.name_zh
        assert taxonomy.kind_name("primary") == "小学"
        assert taxonomy.level_name("estate") == "小区"
    with language.using("en"):
        assert category.name() == category.name_en
        assert taxonomy.kind_name("primary") == "primary school"
        assert taxonomy.kind_name("castle") == "castle"


def test_a_site_may_use_its_own_words_and_its_own_schemes(site: Site) -> None:
    own = [
        Category("gbt30428-2013-event", "0406", "占道摆摊", "stalls on the road", "state"),
        Category("chicago", "7-28-261", "垃圾", "Accumulation of refuse", "state"),
    ]
    with site.store.write() as conn:
        assert taxonomy.name_for_site(conn, own) == 2
    known = site.taxonomy
    assert known.category("gbt30428-2013-event", "0406").name_zh == "占道摆摊"
    assert known.category("gbt30428-2013-event", "0405").name_zh == "店外经营"
    assert known.parse("chicago.7-28-261").name_en == "Accumulation of refuse"
    assert known.schemes["chicago"].title() == "chicago"
    with site.store.write() as conn:
        taxonomy.name_for_site(conn, [Category("chicago", "7-28-261", "垃圾堆", "Refuse", "state")])
    assert site.taxonomy.category("chicago", "7-28-261").name_zh == "垃圾堆"


@pytest.mark.parametrize(
    ("category", "field"),
    [
        (Category("a.b", "1", "名", "name", "state"), "scheme"),
        (Category("a", "", "名", "name", "state"), "code"),
        (Category("a", "1", "", "name", "state"), "name_zh"),
        (Category("a", "1", "名", "line\nbreak", "state"), "name_en"),
        (Category("a", "1", "名", "name", "thing"), "kind"),
    ],
)
def test_a_category_that_cannot_be_is_refused(site: Site, category: Category, field: str) -> None:
    with pytest.raises(InvalidError) as caught, site.store.write() as conn:
        taxonomy.name_for_site(conn, [category])
    assert caught.value.field == field
