"""Which files are pictures or tables of pairs, by their names. This module imports nothing: commands load it."""

PLAIN = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".npy", ".npz", ".gif", ".tga")
SUFFIXES = (*PLAIN, ".jp2", ".j2k", ".jpx", ".avif", ".heic", ".heif", ".exr")
# Pictures of cameras, slide scanners and other programs, which no reader here takes: such files are named as that.
CAMERAS = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf")
SCANNERS = (".czi", ".nd2", ".lif", ".svs", ".ndpi", ".mrxs", ".dcm", ".nii", ".mha", ".mat")
UNREAD = (*CAMERAS, *SCANNERS, ".psd", ".xcf", ".svg", ".pdf", ".eps", ".ico", ".jxl", ".hdr", ".pfm", ".dds")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


def is_picture(name: str) -> bool:
    """Whether a file name is that of a picture; hidden files, such as thumbnails of file managers, are not."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def is_unread(name: str) -> bool:
    """Whether a file name is that of a picture of a format that is not read."""
    return name.lower().endswith(UNREAD) and not name.startswith(".")


def is_table(name: str) -> bool:
    """Whether a file name is that of a table of pairs."""
    return name.lower().endswith(TABLES)
