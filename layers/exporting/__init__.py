"""Findings as files that other programs open, with the filters of the page they were asked for on."""
