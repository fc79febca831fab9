"""Frozen networks whose features losses, metrics and discriminators compare."""
