"""Measurements: `python -m benchmarks` for speed, beside the plain way; the other files for what a model learns."""
