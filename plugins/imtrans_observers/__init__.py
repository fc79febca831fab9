"""Observers of a run: progress, log, sample images, report. Each class has its own entry point in pyproject.toml."""
