"""Pictures of any kind as the source of a model, at the size at which it translates them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from imtrans.engine.build import Model
from imtrans.engine.inference.inputs import is_pair, read_array, read_file
from imtrans.engine.inference.scale import Size, SizeChange, SizeChoice, fitted_size, magnification
from imtrans.errors import DataError, ShapeError
from imtrans.kit import images
from imtrans.kit.images import Array
from imtrans.kit.images.picture_types import as_array, is_pillow
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.shards.pictures import PackedPicture


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How pictures are read: the values that mean the ends of training's range, pairs as a whole, their size, and the
    folder of the instance maps of label maps (None: beside them)."""

    source_range: tuple[float, float] | None = None
    is_whole: bool = False
    size: SizeChoice = "train"
    instances: Path | None = None


class SourceReader:
    """Reads pictures as the training data of a model were read."""

    def __init__(self, model: Model) -> None:
        self.data_spec, self.config = model.data_spec, model.config

    def read(self, path: PictureFile, options: ReadOptions) -> list[Array]:
        """The picture in a file, (H, W, C), or the pages of a stack. DataError names a file that cannot be read so."""
        if self.data_spec.source.is_volume:
            what = f"{path}: a picture, and the model translates volumes"
            raise DataError(what, hint="Give it NIfTI, MHA, NRRD or a folder of DICOM (imtrans list formats).")
        half = self.source_half if not options.is_whole and self.holds_pair(path) else ""
        is_stack = self.data_spec.source.is_stack
        pages = range(images.header(path).pages) if is_stack else [None]
        fit, limits = self._fit(options), options.source_range
        read = partial(read_file, path, self.data_spec.source, half=half, source_range=limits, fit=fit)
        read = partial(read, instances=options.instances)
        return [read(page=page) for page in pages]

    def converted(self, picture: Any, options: ReadOptions) -> Array:
        """A picture in memory as (*spatial, C). ShapeError and DataError for what the model does not take."""
        array = as_array(picture, self.data_spec.source, is_flat=self.data_spec.stored is not None)
        if self.data_spec.source.is_volume and array.ndim != 4:
            raise ShapeError(f"the model takes volumes (D, H, W, C), not {array.shape}")
        is_file = is_pillow(picture)  # its channels and depth are converted as a file's are
        limits = options.source_range
        return read_array(array, self.data_spec.source, is_file=is_file, source_range=limits, fit=self._fit(options))

    def packed(self, picture: PackedPicture, options: ReadOptions) -> tuple[list[Array], SizeChange]:
        """A side of a packed sample, and its size before and after. Errors as of `read`, and of its shard."""
        array, spec = picture.fetch(), picture.spec
        change = self.change_of((array.shape[0], array.shape[1]), options.size)
        fit, limits = self._fit(options), options.source_range
        read = partial(read_array, is_file=True, bits=spec.bits, name=str(picture), source_range=limits, fit=fit)
        return [read(array, self.data_spec.source)], change

    def holds_pair(self, path: PictureFile) -> bool:
        """Whether a file looks like a whole pair, of which the source half is read.

        Only a model that was trained on halves of pictures meets such files. DataError where it is no picture.
        """
        return self.data_spec.half_aspect is not None and is_pair(images.header(path), self.data_spec)

    @property
    def source_half(self) -> str:
        """Where the source lies in a picture that holds a pair."""
        return "right" if self.config.direction == "BtoA" else "left"

    def fitted_size(self, shape: Size, choice: SizeChoice = "train") -> Size:
        """Height and width at which a picture of this shape is translated."""
        return fitted_size(shape, choice, trained=self.config.data.size, stored=self.data_spec.stored)

    def size_change(self, path: PictureFile, options: ReadOptions) -> SizeChange:
        """What size the picture of a file has, and at which it is translated. DataError where it is no picture."""
        head = images.header(path)
        is_half = not options.is_whole and is_pair(head, self.data_spec)
        before = head.height, head.width // 2 if is_half else head.width
        return self.change_of(before, options.size, is_half=is_half)

    def change_of(self, before: Size, choice: SizeChoice, *, is_half: bool = False) -> SizeChange:
        """At which size a picture of this height and width is translated."""
        after = self.fitted_size(before, choice)
        scale = magnification(before, after, trained=self.config.data.size, stored=self.data_spec.stored)
        return SizeChange(before, after, scale, is_half)

    def _fit(self, options: ReadOptions) -> Callable[[Array], Array]:
        """Resizes a picture to the size at which it is translated, by the filter of validation."""

        def fit(array: Array) -> Array:
            shape = array.shape[0], array.shape[1]
            if array.ndim != 3 or (size := self.fitted_size(shape, options.size)) == shape:
                return array
            is_labels = self.data_spec.source.kind == "labels"
            return images.resize(array, size, "nearest" if is_labels else self.config.data.interpolation or "bilinear")

        return fit
