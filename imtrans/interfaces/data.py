"""What data are to networks: the records that describe and hold them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

# A plugin's declaration may import this module, and must not import torch.
if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor


Split = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """What one side of a pair is: its channels as stored, and the stored values that become -1 and 1.

    "labels" are whole numbers below `classes`, one channel; networks see them one-hot, as `classes` planes of 0 and 1,
    and pixels of the value `void` as planes of 0, which losses and metrics leave out. "image" can be shown as a
    picture, "data" cannot. `bits` is the depth when written; `palette` gives labels colours; `values` are the numbers
    that stand for the classes in files, where these are not 0, 1, 2 and so on. Labels with `instances` have a second
    channel, the number of the thing that a pixel belongs to; networks see a further plane for it, 1 where that differs
    from a neighbour's (`imtrans.kit.images.instances`). Values of pictures beyond the range are
    refused, unless the side `clips` them. So many `pages` of a file are its channels, one after the other; of a stack
    (`is_stack`) each page is a picture of its own, as a slice of depth. Transparent
    pictures are laid on the colour `background` when they are read (None: their hidden colours are taken).
    `space` says what the values are where that is not RGB: "grey" (three times), "lab-l" and "lab-ab", which together
    make a picture; pictures are converted to it before they are translated, and back afterwards
    (`imtrans.kit.images.color`). For slices of volumes `axes` says where rows, columns and slices run to, in letters
    that the format knows ("PLS": back, left and head of a body); "": as files have them. With `is_volume` networks see
    three axes at once: arrays are (slices, rows, columns, C), and volumes are translated as a whole.
    """

    kind: Literal["image", "labels", "data"] = "image"
    channels: int = 3
    low: float = 0.0
    high: float = 255.0
    bits: int = 8
    classes: int | None = None
    palette: Sequence[Sequence[int]] | None = None
    values: Sequence[int] | None = None
    void: int | None = None
    instances: bool = False
    clips: bool = False
    pages: int = 1
    is_stack: bool = False
    background: tuple[int, int, int] | None = (255, 255, 255)
    space: Literal["", "grey", "lab-l", "lab-ab"] = ""
    axes: str = ""
    is_volume: bool = False

    @property
    def num_channels(self) -> int:
        """The channels that a network sees."""
        return self.classes + self.instances if self.kind == "labels" and self.classes else self.channels


class StoredSizes(NamedTuple):
    """Height and width, in pixels, of a data set's sources before they are brought to `data.size`.

    `median` of each, the least and the greatest.
    """

    median: tuple[int, int]
    low: tuple[int, int]
    high: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """What a data set gives on either side.

    An extra called "mask", labels of two classes, is 1 where a pair is to be compared and 0 where it is to be left out:
    it becomes `Batch.valid`, and networks do not see it (`imtrans.kit.images.masks`).
    `half_aspect`: width by height of one side, where both lie in one picture side by side; None where they do not.
    `stored`: how large the sources are, which the engine finds out; None where they are never resized.
    """

    source: ImageSpec = field(default_factory=ImageSpec)
    target: ImageSpec = field(default_factory=ImageSpec)
    extras: Mapping[str, ImageSpec] = field(default_factory=dict)
    half_aspect: float | None = None
    stored: StoredSizes | None = None

    def reversed(self) -> "DataSpec":
        """The same with source and target exchanged."""
        return replace(self, source=self.target, target=self.source)

    def has_sides_of(self, other: "DataSpec") -> bool:
        """Whether both sides are specified as those of the other."""
        return (self.source, self.target) == (other.source, other.target)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One sample as stored: arrays (*spatial, C) of any dtype; `key` names it in logs and file names."""

    source: "np.ndarray[Any, Any]"
    target: "np.ndarray[Any, Any]"
    key: str
    extras: Mapping[str, "np.ndarray[Any, Any]"] = field(default_factory=dict)

    def reversed(self) -> "Pair":
        """The same with source and target exchanged."""
        return replace(self, source=self.target, target=self.source)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples on the device, (B, C, *spatial). Images are float32 in [-1, 1]; labels int64 (B, 1, *spatial) while they
    are augmented, one-hot float32 afterwards. `draws` holds one int64 a sample, from which all randomness about that
    sample follows (`imtrans.kit.random`). `valid`, float32 (B, 1, *spatial), is 0 where the target's label is void
    or the data set's mask leaves it out, which losses and metrics do, too, and 1 elsewhere; None where nothing can be
    left out. Targets are 0 where it is 0."""

    source: "Tensor"
    target: "Tensor"
    keys: Sequence[str]
    draws: "Tensor"
    extras: Mapping[str, "Tensor"] = field(default_factory=dict)
    valid: "Tensor | None" = None


class DiscriminatorOutput(NamedTuple):
    """What a discriminator returns: logits, one tensor (B, 1, *patches) per scale; its layers' outputs per scale."""

    logits: "Sequence[Tensor]"
    features: "Sequence[Sequence[Tensor]]" = ()


class Geometry(NamedTuple):
    """Sizes a trained model can take: multiples of `stride`, one for all spatial axes or one for each.

    `halo`: how far an output pixel sees; None: measure it.
    """

    stride: int | tuple[int, ...]
    halo: int | None = None

    def strides(self, axes: int) -> tuple[int, ...]:
        """The stride along each of so many axes."""
        return self.stride if isinstance(self.stride, tuple) else (self.stride,) * axes

    @property
    def common_stride(self) -> int:
        """The least size whose multiples it takes along any axis."""
        return math.lcm(*self.strides(1))


@dataclass(frozen=True, kw_only=True)
class Issue:
    """A problem with data: a fault, with which a sample cannot be used, or else a warning.

    `code` names the kind in a word or two ("no-partner"), `what` the problem of these `files`, `hint` what to do.
    """

    code: str
    what: str
    hint: str = ""
    files: "Sequence[Path]" = ()
    is_fault: bool = True


@dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """What a data set says about itself: a run prints it before it starts, `imtrans data check` reports it.

    `layout`: how the pairs were found. `sides`: what source and target are called where they are stored. `splits` gives
    by name what each split holds, in words; it is called when that is shown, since it may read every folder; nothing:
    the lengths are shown. `notes`: lines to heed. `issues`: what was left out of the samples
    (`DatasetContext.skip_invalid`). `is_undivided`: there is no place for validation, and every split holds all
    samples; runs then hold some out of training, by the keys of the samples. `contents`: how many files of which
    channels and depth source and target have, and what they are read as. `doubts`: what a look at some pictures of all
    splits speaks against; it is called before a run starts, which stops if one of them is a fault, and shows the
    others. It takes a second or two at most, and gives the same each time. `group_of` gives by the key of a sample that
    of its group, of which none is held out of training alone: slices of one stack look alike. `lengths`: how many
    sources and targets unpaired data have, where these are not as many as its samples; sample i has source i modulo the
    first and target i modulo the second.
    """

    layout: str = ""
    sides: tuple[str, str] = ("", "")
    splits: Callable[[], Mapping[str, str]] = dict
    notes: Sequence[str] = ()
    issues: Sequence[Issue] = ()
    is_undivided: bool = False
    contents: tuple[str, str] = ("", "")
    doubts: Callable[[], Sequence[Issue]] = tuple
    group_of: Callable[[str], str] = str
    lengths: tuple[int, int] | None = None

    def reversed(self) -> "DatasetDescription":
        """The same with source and target exchanged."""
        lengths = self.lengths and self.lengths[::-1]
        return replace(self, sides=self.sides[::-1], contents=self.contents[::-1], lengths=lengths)

    @property
    def mixtures(self) -> dict[str, str]:
        """The contents of "source" and "target" by name, where their files are not all alike or need a word."""
        sides = zip(("source", "target"), self.contents, strict=True)
        return {side: text for side, text in sides if ", " in text or ";" in text}
