"""What reports are made of: metrics, plots, sample grids and HTML."""
