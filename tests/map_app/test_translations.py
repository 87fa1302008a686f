"""Every text of the pages has its Chinese."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import map_app
from layers import analysis, language
from layers.city import clearance_rules
from layers.field import words as record
from layers.people import ROLES
from map_app import cards, grounds, rule_words, style, subjects, words
from map_app.pages import errors, speech

KEYWORDS = {"gettext": None, "ngettext": (1, 2), "_": None, "say": None}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]


def said() -> set[str]:
    """Return the texts in the sources, and those that are looked up by a variable."""
    found = {
        *errors.HTTP.values(),
        *(text for known in (record.SOURCES, record.CHANNELS, record.ACCURACIES) for text in known.values()),
        *cards._SIDES.values(),
        *words.RELATIONS.values(),
    }
    looks = (*style.AGE_LOOKS, style.INSPECTED, style.PASSED, style.UNKNOWN, style.NOT_VISITED)
    found |= {look.label for look in looks}
    for rule in clearance_rules.shipped():
        found |= {rule["jurisdiction"], rule["source"]["title"]}
    found |= rule_words.texts()
    with language.using("en"):
        found |= set(grounds.texts()) | {speech.role_name(role) for role in ROLES}
    for package in (map_app, analysis):
        folder = str(Path(str(package.__file__)).parent)
        for _, _, message, _, _ in extract_from_dir(folder, METHODS, keywords=KEYWORDS):
            found.add(message if isinstance(message, str) else message[0])
    return found


def test_every_text_of_the_pages_is_in_the_catalogue() -> None:
    path = Path(language.__file__).parent / "translations" / "zh.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale="zh")
    known = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue
        if message.string
    }
    assert said() - known == set()
    assert len(said()) > 150


def test_the_scripts_ask_only_for_texts_that_the_page_gives() -> None:
    scripts = Path(map_app.__file__).parent / "static"
    asked = set()
    for script in scripts.glob("*.js"):
        asked |= set(re.findall(r'xuncha\.text\("([^"]+)"\)', script.read_text(encoding="utf-8")))
    assert asked <= set(grounds.texts())


@pytest.mark.parametrize("code", list(language.LANGUAGES))
@pytest.mark.parametrize("name", subjects.NAMES)
def test_every_map_has_its_words_in_both_languages(code: str, name: str) -> None:
    with language.using(code):
        subject = subjects.subject(name)
    is_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in subject.title + subject.lead)
    assert is_chinese == (code == "zh")
