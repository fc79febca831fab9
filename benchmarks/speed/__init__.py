"""Speed, as ratios to the plain way of the field in the same run."""
