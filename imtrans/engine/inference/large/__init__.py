"""Pictures that are too large to be translated at once: how much memory one takes, and tiles."""
