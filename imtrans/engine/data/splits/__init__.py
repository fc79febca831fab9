"""Which samples are trained on, and which are held out."""
