"""Settings that are found by trying."""
