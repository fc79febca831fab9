"""The web page on which people try a model: one HTML file with everything in it."""
