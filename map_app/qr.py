"""QR codes as pictures inside a page."""

from io import BytesIO

import segno
from markupsafe import Markup


def picture(text: str) -> Markup:
    """Return a text as a QR code, drawn; modules of one unit, four of them as margin on each side.

    >>> str(picture("https://xuncha.local:8737/field"))[:37]
    '<svg viewBox="0 0 37 37" class="qr"><'
    """
    drawn = BytesIO()
    code = segno.make(text, error="m", micro=False, boost_error=False)
    code.save(
        drawn, kind="svg", xmldecl=False, svgns=False, svgclass="qr", lineclass=None, omitsize=True, nl=False
    )
    # it holds numbers alone: the text itself is in the modules
    return Markup(drawn.getvalue().decode("ascii"))  # noqa: S704
