"""Metrics over a split or two folders, by a protocol."""
