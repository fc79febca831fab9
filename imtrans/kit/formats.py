"""Which files are pictures or tables of pairs, by their names. This module imports nothing: commands load it."""

PLAIN = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".npy", ".npz", ".gif", ".tga")
SUFFIXES = (*PLAIN, ".jp2", ".j2k", ".jpx", ".avif", ".heic", ".heif", ".exr")
# Pictures of cameras, slide scanners and other programs, which no reader here takes: such files are named as that.
CAMERAS = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf")
SCANNERS = (".czi", ".nd2", ".lif", ".svs", ".ndpi", ".mrxs", ".dcm", ".nii", ".mha", ".mat")
UNREAD = (*CAMERAS, *SCANNERS, ".psd", ".xcf", ".svg", ".pdf", ".eps", ".ico", ".jxl", ".hdr", ".pfm", ".dds")
WRITTEN_FILMS = (".mp4", ".mkv", ".webm", ".mov", ".avi")
FILMS = (*WRITTEN_FILMS, ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".ogv", ".3gp", ".y4m")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


def is_picture(name: str) -> bool:
    """Whether a file name is that of a picture; hidden files, such as thumbnails of file managers, are not."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def is_unread(name: str) -> bool:
    """Whether a file name is that of a picture of a format that is not read."""
    return name.lower().endswith(UNREAD) and not name.startswith(".")


def is_film(name: str) -> bool:
    """Whether a file name is that of a film."""
    return name.lower().endswith(FILMS) and not name.startswith(".")


def is_table(name: str) -> bool:
    """Whether a file name is that of a table of pairs."""
    return name.lower().endswith(TABLES)
