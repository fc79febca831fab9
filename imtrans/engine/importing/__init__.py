"""Other programs' weights, read safely."""
