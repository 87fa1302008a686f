"""The demo city: an invented district with the truth beside it."""
