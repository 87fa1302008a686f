"""Finds every text that code shows to people, so that a test can ask the catalogue for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

# Where the message stands among the arguments of calls that tell people something
_PLACES = {"gettext": (0,), "ngettext": (0, 1), "mark": (1,), "progress": (0,), "told": (0,), "Entry": (0, 1)}
_KEYWORDS = {"help", "section"}


def of_files(paths: list[Path]) -> dict[str, str]:
    """Return every message with the file and line where it stands."""
    found: dict[str, str] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for message in _of_call(node):
                    found.setdefault(message, f"{path.name}:{node.lineno}")
    return found


def _of_call(node: ast.Call) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    places = _PLACES.get(name, (0,) if name.endswith("Error") else ())
    given = [node.args[place] for place in places if place < len(node.args)]
    given += [keyword.value for keyword in node.keywords if keyword.arg in _KEYWORDS]
    for value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
            yield value.value
