"""Drawings of our own: the brand and the icons of the pages."""

from markupsafe import Markup

# A street corner seen from above with the inspector's round
_BRAND = (
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0b5d6b"/>'
    '<path d="M5 21h22M12 5v22" stroke="#5fa3ac" stroke-width="3.4" stroke-linecap="round" fill="none"/>'
    '<circle cx="19.5" cy="13" r="5.6" fill="none" stroke="#fff" stroke-width="2.6"/>'
    '<circle cx="19.5" cy="13" r="1.7" fill="#f6b46a"/></svg>'
)
_PATHS = {
    "findings": '<path d="M12 21s-6.5-5.6-6.5-10.7a6.5 6.5 0 0 1 13 0C18.5 15.4 12 21 12 21z"/>'
    '<circle cx="12" cy="10.2" r="2.3"/>',
    "density": '<path d="M4 19h16M6 15.5V12M11 15.5V6M16 15.5V9.5"/>',
    "hotspots": '<path d="M12 3v4M12 17v4M3 12h4M17 12h4"/><circle cx="12" cy="12" r="5.2"/>'
    '<circle cx="12" cy="12" r="1.4"/>',
    "heat": '<circle cx="12" cy="12" r="2.2"/><circle cx="12" cy="12" r="5.6"/>'
    '<circle cx="12" cy="12" r="9"/>',
    "coverage": '<path d="M4 18c3-1 3-5 6-6s4 2 6 0 1-5 4-6"/><circle cx="4" cy="18" r="1.4"/>'
    '<circle cx="20" cy="6" r="1.4"/>',
    "parking": '<rect x="4" y="3" width="16" height="18" rx="3"/>'
    '<path d="M9.5 17V7h3.3a3.1 3.1 0 0 1 0 6.2H9.5"/>',
    "surroundings": '<path d="M3 10l9-5 9 5-9 5-9-5zM7 12.5V17c3 2 7 2 10 0v-4.5M21 10v5"/>',
    "list": '<path d="M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01"/>',
    "field": '<rect x="7" y="2.5" width="10" height="19" rx="2.2"/><path d="M11 18.5h2"/>',
    "camera": '<path d="M4 8h3.2L9 5.5h6L17 8H20a1 1 0 0 1 1 1'
    'v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1z"/>'
    '<circle cx="12" cy="13" r="3.6"/>',
    "people": '<circle cx="9" cy="8" r="3.2"/><path d="M3 20c0-3.6 2.7-6 6-6s6 2.4 6 6'
    "M16 5.2a3.2 3.2 0 0 1 0 5.6"
    'M18 14.4c2 .8 3 2.8 3 5.6"/>',
}


def brand() -> Markup:
    """Return the sign of the product as inline SVG."""
    return Markup(_BRAND)  # noqa: S704  our own drawing


def icon(name: str) -> Markup:
    """Return an icon as inline SVG, unseen by screen readers: the text beside it says what it is."""
    drawing = f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{_PATHS[name]}</svg>'
    return Markup(drawing)  # noqa: S704  made of the table above only
