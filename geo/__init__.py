"""Geometry and statistics of street inspection: arrays and frames in, the same out."""
