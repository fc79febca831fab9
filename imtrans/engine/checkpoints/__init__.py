"""Checkpoints: their format, their folder, and resuming from them."""
