"""Exports of findings."""
