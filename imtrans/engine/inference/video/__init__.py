"""Films and cameras translated to films, frame by frame."""
