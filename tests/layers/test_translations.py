"""Everything that the store, the city and the field can say is said in Chinese too."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "layers" / "translations" / "zh.po"
SPEAKING = [
    *(ROOT / "layers" / "store").glob("*.py"),
    *(ROOT / "layers" / "city").glob("*.py"),
    *(ROOT / "layers" / "field").glob("*.py"),
    *(ROOT / "layers" / name for name in ("settings.py", "site.py", "people.py", "history.py", "backup.py")),
]
PLACEHOLDER = re.compile(r"%\((\w+)\)")


def messages(path: Path) -> set[str]:
    """Return the sentences that a file raises or asks to be translated."""
    said = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            spoken = name.endswith("Error") and name not in ("TypeError", "ValueError", "SettingError")
            if (spoken or name in ("gettext", "SettingError")) and isinstance(first, ast.Constant):
                said.add(str(first.value))
    return said


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: path.name)
def test_every_message_has_its_chinese_with_the_same_placeholders(path: Path) -> None:
    with CATALOGUE.open("rb") as file:
        chinese = {str(message.id): str(message.string) for message in read_po(file)}
    for message in messages(path):
        assert chinese.get(message), message
        assert set(PLACEHOLDER.findall(message)) >= set(PLACEHOLDER.findall(chinese[message])), message


def test_no_sentence_is_translated_twice() -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    said = re.findall(r'^(?:msgctxt "([^\n]+)"\n)?msgid "([^\n]+)"$', text, re.MULTILINE)
    assert sorted({one for one in said if said.count(one) > 1}) == []
