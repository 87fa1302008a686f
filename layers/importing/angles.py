"""Coordinates as people write them: degrees, minutes and seconds, letters of the compass, two in one cell."""

import re

# Letters of the compass in English and Chinese, and which coordinate they go with
_AXES = {**dict.fromkeys("EeWw东西", "lon"), **dict.fromkeys("NnSs北南", "lat")}
_NEGATIVE = frozenset("WwSs西南")
_LETTER = "".join(_AXES)
_COMPASS = rf"(?:([{_LETTER}])[经纬]?)?"
_NUMBER = r"\d+(?:[.,]\d+)?"
_ANGLE = re.compile(
    rf"^{_COMPASS}\s*([-+−]?)\s*({_NUMBER})\s*(?:[°º˚度d:\s]\s*"
    rf"(?:({_NUMBER})\s*(?:['′’‘`分m:\s]\s*(?:({_NUMBER})\s*(?:[\"″”“秒s]|''|′′|’’)?)?)?)?)?\s*"
    rf"([{_LETTER}])?$",
    re.ASCII,
)
_POINT = re.compile(r"^(?:POINT\s*)?[(\[（【]\s*(.*?)\s*[)\]）】]$", re.IGNORECASE)
_PARTED = (re.compile(r"\s*[;；|/]\s*"), re.compile(r"\s*[,，、]\s*"))
_AFTER_LETTERS = re.compile(rf"^([^{_LETTER}]+[{_LETTER}])\s*([^{_LETTER}]+[{_LETTER}])$")
_BEFORE_LETTERS = re.compile(rf"^([{_LETTER}][^{_LETTER}]+?)\s*([{_LETTER}][^{_LETTER}]+)$")
_SIXTY = 60


def degrees(text: str) -> tuple[float, str | None] | None:
    """Return an angle in degrees, and the coordinate (`lon`, `lat`) that a letter of the compass tells.

    None for anything else: sixty minutes or seconds, minutes of a broken degree.

    Examples
    --------
    >>> degrees("117°12'36″E"), degrees("南纬39度30分"), degrees("-117 30")
    ((117.21, 'lon'), (-39.5, 'lat'), (-117.5, None))
    >>> degrees("117,5"), degrees("117°60'"), degrees("A117")
    ((117.5, None), None, None)
    """
    found = _ANGLE.match(text.strip())
    if found is None:
        return None
    before, sign, whole, minutes, seconds, after = found.groups()
    letter = before or after
    parts = [float(one.replace(",", ".")) for one in (whole, minutes or "0", seconds or "0")]
    broken = any(one != int(one) and later for one, later in zip(parts, (minutes, seconds), strict=False))
    if broken or (before and after) or (letter and sign) or max(parts[1:]) >= _SIXTY:
        return None
    size = ((parts[0] * _SIXTY + parts[1]) * _SIXTY + parts[2]) / _SIXTY**2 if minutes else parts[0]
    is_negative = sign in {"-", "−"} or letter in _NEGATIVE
    return -size if is_negative else size, _AXES.get(letter or "")


def two(text: str) -> tuple[str, str] | None:
    """Return the two coordinates of one cell, None where it does not hold two.

    Examples
    --------
    >>> two("117.1, 39.2"), two("117,1; 39,2"), two("POINT (117.1 39.2)")
    (('117.1', '39.2'), ('117,1', '39,2'), ('117.1', '39.2'))
    >>> two("N39°5' E117°12'"), two("39 5 0 N 117 12 0 E"), two("117.1")
    (("N39°5'", "E117°12'"), ('39 5 0 N', '117 12 0 E'), None)
    """
    plain = _POINT.sub(r"\1", text.strip())
    for mark in _PARTED:
        parts = mark.split(plain)
        if len(parts) == 2:
            return parts[0], parts[1]
    for letters in (_AFTER_LETTERS, _BEFORE_LETTERS):
        found = letters.match(plain.replace("经", "").replace("纬", ""))
        if found:
            return found[1].strip(), found[2].strip()
    words = plain.split()
    return (words[0], words[1]) if len(words) == 2 else None
