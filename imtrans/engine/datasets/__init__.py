"""Named data sets: download and installation."""
