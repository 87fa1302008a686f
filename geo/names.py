"""One street name in many spellings: a key that they share, and how alike two names are."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Two names that share fewer than half of their letter pairs are not the same name misspelt
_UNLIKE = 0.5
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_HAN_DIGITS = "零一二三四五六七八九"


class NameTable(TypedDict, total=False):
    """How names are spelt in a place; every part may be missing.

    `directions` and `types` map short to full words (a direction counts as the first or last word, a
    type as the last or last but one); `leading` expands the word that opens the proper name (`st` is
    Saint there), `words` any word; `prefixes` are written together with the next word; `characters` replaces
    single characters (traditional by simplified Chinese); `endings` the end of a Chinese name.
    """

    directions: Mapping[str, str]
    types: Mapping[str, str]
    leading: Mapping[str, str]
    words: Mapping[str, str]
    prefixes: Sequence[str]
    characters: Mapping[str, str]
    endings: Mapping[str, str]


_EMPTY = NameTable()


def normalise(name: str | None, table: NameTable | None = None) -> str:
    """Return the key that all spellings of a street name share.

    Letters are compared without case, accents of typography, full-width forms or punctuation; words are
    written out by `table`.  A Chinese name is compared without spaces, its Arabic numbers below 100 as
    Chinese numerals.  None and blank give the empty key, which means *unnamed* and equals no name.

    Parameters
    ----------
    name : str or None
    table : NameTable, optional
        Without one only case, width, spaces and punctuation are levelled.

    Examples
    --------
    >>> table: NameTable = {"directions": {"w": "west"}, "types": {"st": "street"}}
    >>> normalise("W TAYLOR ST", table), normalise("West Taylor Street", table)
    ('west taylor street', 'west taylor street')
    >>> normalise("St. Louis", {"leading": {"st": "saint"}}), normalise("京津路　１２号"), normalise(None)
    ('saint louis', '京津路十二号', '')
    """
    if not isinstance(name, str):
        return ""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = re.sub(r"['’`´.]", "", text)
    words = re.sub(r"[\W_]+", " ", text).split()
    if not words:
        return ""
    known = _EMPTY if table is None else table
    return _chinese("".join(words), known) if _HAN.search(text) else " ".join(_written_out(words, known))


def _written_out(words: list[str], table: NameTable) -> list[str]:
    """Replace the short forms by place: directions outside, the type at the end, Saint in front."""
    directions, types = table.get("directions", {}), table.get("types", {})
    front, core, back = [], list(words), []
    if len(core) > 1 and core[0] in directions:
        front = [directions[core.pop(0)]]
    if len(core) > 1 and core[-1] in directions and not _is_letter_name(core, types):
        back = [directions[core.pop()]]
    if len(core) > 1 and core[-1] in types:
        back = [types[core.pop()], *back]
    core[0] = table.get("leading", {}).get(core[0], core[0])
    every = table.get("words", {})
    return [*front, *_together([full for word in core if (full := every.get(word, word))], table), *back]


def _is_letter_name(words: list[str], types: Mapping[str, str]) -> bool:
    """Tell `Avenue N`, a street called by a letter, from `Avenue North`."""
    return len(words) == 2 and len(words[1]) == 1 and (words[0] in types or words[0] in types.values())


def _together(words: list[str], table: NameTable) -> list[str]:
    """Write prefixes together with the word they belong to: La Salle is LaSalle."""
    prefixes, out = set(table.get("prefixes", ())), list[str]()
    for word in words:
        if out and out[-1] in prefixes:
            out[-1] += word
        else:
            out.append(word)
    return out


def _chinese(name: str, table: NameTable) -> str:
    """Level characters, numbers and endings of a Chinese name."""
    characters = table.get("characters", {})
    name = "".join(characters.get(character, character) for character in name)
    name = re.sub(r"(?<!\d)\d{1,2}(?!\d)", lambda number: _numeral(int(number.group())), name)
    for ending, full in table.get("endings", {}).items():
        if name.endswith(ending) and not name.endswith(full):
            return name[: -len(ending)] + full
    return name


def _numeral(number: int) -> str:
    """Return a number below 100 in Chinese numerals."""
    tens, ones = divmod(number, 10)
    if not tens:
        return _HAN_DIGITS[ones]
    return (_HAN_DIGITS[tens] if tens > 1 else "") + "十" + (_HAN_DIGITS[ones] if ones else "")


def similarity(one: str | None, other: str | None, table: NameTable | None = None) -> float:
    """Return how alike two street names are, in [0, 1].

    1 for equal keys.  Else the proper names (without directions and types) are compared by Dice's
    coefficient of their letter pairs, below one half counting as 0, times 0.95 if directions or types
    are missing on one side and 0.6 if they contradict each other.  An empty key is like nothing.

    Examples
    --------
    >>> table: NameTable = {"types": {"st": "street", "ave": "avenue"}}
    >>> similarity("Main St", "main street", table), similarity("Main St", "Elm St", table)
    (1.0, 0.0)
    >>> similarity("Main", "Main St", table), similarity("Main Ave", "Main St", table)
    (0.95, 0.6)
    >>> round(similarity("Cambridge", "Cambrige"), 3)  # 8 pairs in common of 10 and 9
    0.842
    """
    keys = [normalise(one, table)], [normalise(other, table)]
    return float(similarities(*keys, table).toarray()[0, 0])


def similarities(keys: Sequence[str], others: Sequence[str], table: NameTable | None = None) -> csr_matrix:
    """Return `similarity` of every normalised key with every other, as a sparse matrix.

    Parameters
    ----------
    keys, others : sequence of str
        Already normalised, lengths n and m.
    table : NameTable, optional
        The one they were normalised with.

    Returns
    -------
    csr_matrix, shape (n, m)
        Column indices ascending in each row.

    Examples
    --------
    >>> similarities(["elm street"], ["elm street", "oak road"]).toarray().tolist()
    [[1.0, 0.0]]
    """
    return NameMatcher(others, table).similarities(keys)


class NameMatcher:
    """Names of a place, ready to be compared with any others.

    Examples
    --------
    >>> NameMatcher(["elm street", "oak road"]).similarities(["oak road"]).toarray().tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, others: Sequence[str], table: NameTable | None = None) -> None:
        known = table or _EMPTY
        self._outer = frozenset([*known.get("directions", {}).values(), *known.get("types", {}).values()])
        parts = [_split(other, self._outer) for other in others]
        pairs = [_letter_pairs(proper) for proper, _ in parts]
        self._outsides = sorted({outside for _, outside in parts}, key=sorted)
        kinds = {outside: kind for kind, outside in enumerate(self._outsides)}
        self._outside = np.array([kinds[outside] for _, outside in parts], dtype=np.int64)
        self._same: dict[str, list[int]] = {}
        for name, other in enumerate(others):
            self._same.setdefault(other, []).append(name)
        self._codes = {pair: code for code, pair in enumerate(sorted(set().union(*pairs)))} if pairs else {}
        bearing: list[list[int]] = [[] for _ in self._codes]
        for name, own in enumerate(pairs):
            for pair in own:
                bearing[self._codes[pair]].append(name)
        self._bearing = [np.array(names, dtype=np.int64) for names in bearing]
        self._counts = np.array([len(own) for own in pairs], dtype=np.int64)

    def similarities(self, keys: Sequence[str]) -> csr_matrix:
        """Return the likeness of normalised keys to the names, shape (keys, names)."""
        begin, name, like = self.alike(keys)
        return csr_matrix((like, name, begin), shape=(len(keys), len(self._counts)))

    def alike(self, keys: Sequence[str]) -> tuple[Ints, Ints, Floats]:
        """Return the same as arrays, at a cost that one request can pay.

        Returns
        -------
        begin : ints, shape (keys + 1,)
            Where the names like each key begin among the rest.
        name : ints, shape (k,)
            Which of the names, ascending for each key.
        like : floats, shape (k,)
            Their likeness, above 0.

        Examples
        --------
        >>> begin, name, like = NameMatcher(["elm street", "oak road"]).alike(["oak road", "ash"])
        >>> begin.tolist(), name.tolist(), like.tolist()
        ([0, 1, 1], [1], [1.0])
        """
        found = [self._like(key) for key in keys]
        begin = np.cumsum([0, *(len(name) for name, _ in found)], dtype=np.int64)
        if not found:
            return begin, np.empty(0, dtype=np.int64), np.empty(0)
        return begin, np.concatenate([name for name, _ in found]), np.concatenate([like for _, like in found])

    def _like(self, key: str) -> tuple[Ints, Floats]:
        """Return the names like one key, ascending, and how much."""
        proper, outside = _split(key, self._outer)
        pairs = _letter_pairs(proper)
        known = [self._bearing[code] for pair in pairs if (code := self._codes.get(pair)) is not None]
        if not known:
            return np.empty(0, dtype=np.int64), np.empty(0)
        shared = np.bincount(np.concatenate(known), minlength=len(self._counts))
        dice = 2.0 * shared / (len(pairs) + self._counts)
        name = np.flatnonzero(dice >= _UNLIKE)
        agreement = np.array([_agree(outside, one) for one in self._outsides])
        like = np.minimum(dice[name] * agreement[self._outside[name]], 0.99)
        like[np.searchsorted(name, self._same.get(key, []))] = 1.0
        return name, like


def _split(key: str, outer: frozenset[str]) -> tuple[str, frozenset[str]]:
    """Part a key into its proper name and its directions and types; a name of only those is proper."""
    words = key.split()
    proper = [word for word in words if word not in outer]
    return (" ".join(proper), frozenset(words) & outer) if proper else (key, frozenset())


def _agree(one: frozenset[str], other: frozenset[str]) -> float:
    """Weigh how directions and types of two names fit: equal letters alone are not the same street."""
    if one == other:
        return 1.0
    return 0.95 if one < other or other < one else 0.6


def _letter_pairs(key: str) -> set[str]:
    """Return the letter pairs of a key, repeated ones numbered, its ends marked."""
    if not key:
        return set()
    marked, counts, pairs = f"\x02{key}\x03", dict[str, int](), set[str]()
    for i in range(len(marked) - 1):
        pair = marked[i : i + 2]
        counts[pair] = counts.get(pair, 0) + 1
        pairs.add(f"{pair}{counts[pair]}")
    return pairs
