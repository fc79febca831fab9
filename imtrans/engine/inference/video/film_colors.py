"""The colours of a film: what its tags say, and its frames as RGB."""

from av import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from imtrans.errors import DataError
from imtrans.kit.images import Array

# By the numbers of ITU-T H.273. Values of the others mean other colours, or other light, than those of pictures.
UNTAGGED = 2
MATRICES = {0: "RGB", 1: "BT.709", 2: "untagged", 5: "BT.601", 6: "BT.601"}
PRIMARIES = {1, UNTAGGED, 5, 6}
TRANSFERS = {1, UNTAGGED, 4, 5, 6, 13}
REFUSED = {
    "matrix": {4: "FCC", 7: "SMPTE 240M", 8: "YCgCo", 9: "BT.2020", 10: "BT.2020 constant luminance", 14: "ICtCp"},
    "primaries": {4: "BT.470 M", 7: "SMPTE 240M", 8: "film", 9: "BT.2020", 10: "XYZ", 11: "DCI-P3", 12: "Display P3"},
    "transfer": {
        7: "SMPTE 240M",
        8: "linear",
        14: "BT.2020",
        15: "BT.2020",
        16: "HDR (PQ)",
        17: "DCI",
        18: "HDR (HLG)",
    },
}
# By default swscale darkens colours by 1 to 2 levels: white of 10 bits is 253 (PyAV 18, findings/films-come-darker.sh).
EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
HD = 720  # lines from which players take an untagged film for BT.709


def check_colors(frame: VideoFrame, name: str) -> None:
    """DataError, naming the tag, for colours that are not those of pictures."""
    tags = {
        "matrix": (int(frame.colorspace), set(MATRICES)),
        "primaries": (int(frame.color_primaries), PRIMARIES),
        "transfer": (int(frame.color_trc), TRANSFERS),
    }
    for kind, (value, known) in tags.items():
        if value not in known:
            label = REFUSED[kind].get(value, f"number {value} of ITU-T H.273")
            hint = "Convert the film to BT.709 first, in a program that shows how its colours change."
            raise DataError(f"{name}: its colours are {label} ({kind}); models know those of BT.709", hint=hint)


def color_note(frame: VideoFrame) -> str:
    """What is taken for granted of an untagged film, in words; empty for one with a tag."""
    if int(frame.colorspace) != UNTAGGED or frame.format.is_rgb or frame.format.name.startswith("gray"):
        return ""
    return f"its colours are untagged: taken as {'BT.709' if frame.height >= HD else 'BT.601'}, as players do"


class RgbConverter:
    """Frames as RGB, uint8 (H, W, 3)."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def rgb(self, frame: VideoFrame) -> Array:
        """The frame by the matrix of its tag; an untagged one by that of its height."""
        matrix = None
        if int(frame.colorspace) == UNTAGGED and not frame.format.is_rgb:
            matrix = Colorspace.ITU709 if frame.height >= HD else Colorspace.ITU601
        rgb = self._reformatter.reformat(frame, format="rgb24", src_colorspace=matrix, interpolation=EXACT)
        return rgb.to_ndarray()
