"""Which files are pictures or tables of pairs, by their names. This module imports nothing: commands load it."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".npy")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


def is_picture(name: str) -> bool:
    """Whether a file name is that of a picture; hidden files, such as thumbnails of file managers, are not."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def is_table(name: str) -> bool:
    """Whether a file name is that of a table of pairs."""
    return name.lower().endswith(TABLES)
