"""Which files are pictures, by their names; costs the import of nothing."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")


def is_picture(name: str) -> bool:
    """Whether a file name is a picture's; hidden files, such as a file manager's, are none."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")
