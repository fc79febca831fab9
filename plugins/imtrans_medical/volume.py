"""Volumes as rasters: slices of one plane of the body, with their neighbours as further channels where a model takes
some."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array
from imtrans_medical.axes import order_of


class Volume(Protocol):
    """An open file. `shape` are its three axes as stored, `components` the values of a voxel (or points in time),
    `affine` (4, 4) gives millimetres to R, A and S. `bits` are 8 or 16 where its values are such whole numbers without
    a sign, and 32 else."""

    name: str
    shape: tuple[int, int, int]
    components: int
    affine: Array
    bits: int
    notes: list[str]

    def plane(self, axis: int, position: int, component: int) -> Array:
        """The values of a plane across an axis, its other two axes in order; NaN where the file says there is none."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def plane_across(volume: Array, axis: int, position: int) -> Array:
    """A copy of one plane of an array, which may be mapped: nothing else of it is read."""
    plane: Array = np.array(np.moveaxis(volume, axis, 0)[position])
    return plane


class Layout(NamedTuple):
    """How the channels of a model are filled: with all components or one after the other, and with how many
    neighbours on either side."""

    has_all: bool
    neighbours: int


class VolumeRaster:
    """An open volume whose planes are its slices; of components that are no channels, those of one after the other."""

    def __init__(self, volume: Volume, spec: ImageSpec) -> None:
        self.volume = volume
        self.order = order_of(volume.affine, spec.axes, volume.name)
        height, width, self.slices = self.order.sizes(volume.shape)
        self.size = height, width
        self._layout = layout_of(volume, spec)
        self.volumes = 1 if self._layout.has_all else volume.components  # one after the other
        self.planes = self.slices * self.volumes
        self.channels = (volume.components if self._layout.has_all else 1) * (2 * self._layout.neighbours + 1)
        self.is_float = spec.bits > 16 or volume.bits > 16
        self.bits = 32 if self.is_float else volume.bits
        self._recent: OrderedDict[tuple[int, int], Array] = OrderedDict()

    @classmethod
    def opened(cls, volume: Volume, spec: ImageSpec) -> Self:
        """The same of a volume that was just opened, which is closed where it does not fit: DataError."""
        try:
            return cls(volume, spec)
        except DataError:
            volume.close()
            raise

    @property
    def notes(self) -> Sequence[str]:
        """Lines to heed."""
        return self.volume.notes

    def read(self, rows: range, columns: range, *, plane: int = 0) -> Array:
        """The values of a window, (h, w, C). A neighbour without a value has that of the slice itself."""
        number, middle, parts = plane % self.slices, self._window(plane, 0, rows, columns), []
        for offset in range(-self._layout.neighbours, self._layout.neighbours + 1):
            inside = min(max(number + offset, 0), self.slices - 1)
            part = self._window(plane, inside - number, rows, columns)
            parts.append(part if part.dtype.kind != "f" else np.where(np.isfinite(part), part, middle))
        return np.concatenate(parts, axis=-1)

    def valid(self, rows: range, columns: range, *, plane: int = 0) -> Array | None:
        """Where all components of the slice itself are numbers."""
        middle = self._window(plane, 0, rows, columns)
        return np.asarray(np.isfinite(middle).all(-1)) if middle.dtype.kind == "f" else None

    def close(self) -> None:
        """Close the file."""
        self.volume.close()

    def _window(self, plane: int, offset: int, rows: range, columns: range) -> Array:
        first, number = divmod(plane, self.slices)
        components = range(self.volume.components) if self._layout.has_all else (first,)
        parts = [
            self._slice(c, number + offset)[rows.start : rows.stop, columns.start : columns.stop] for c in components
        ]
        return np.stack(parts, axis=-1)

    def _slice(self, component: int, number: int) -> Array:
        """A whole slice; those that the next window needs again are kept."""
        key = component, number
        if key not in self._recent:
            axis, position = self.order.axes[2], self.order.stored(number, self.slices)
            values = self.volume.plane(axis, position, component)
            self._recent[key] = self.order.turned(values.astype(np.float32) if self.is_float else values)
            if len(self._recent) > self.channels + 1:
                self._recent.popitem(last=False)
        return self._recent[key]


class Store(Protocol):
    """A file that is being written, of a volume's own axes."""

    dtype: "np.dtype[Any]"

    def put(self, axis: int, position: int, component: int, values: Array) -> None:
        """Write a plane across an axis, its other two axes in order."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class VolumeWriter:
    """Gathers windows to slices, and gives these to a store; `fill` stands where there is no value. Memory: a slice."""

    def __init__(self, store: Store, like: VolumeRaster, *, fill: float) -> None:
        self._store, self._like, self._fill = store, like, fill
        self._slice: Array = np.zeros(0)
        self._plane, self._missing = -1, 0

    def write(self, rows: range, columns: range, values: Array, *, valid: Array | None = None, plane: int = 0) -> None:
        """Write a window, (h, w, C), where it is valid."""
        if plane != self._plane:
            self._flush()
            self._slice, self._plane = np.zeros((*self._like.size, values.shape[-1]), self._store.dtype), plane
        stored = values.astype(self._store.dtype, copy=False)
        if valid is not None:
            stored = np.where(valid[..., None], stored, self._store.dtype.type(self._fill))
            self._missing += int(valid.size - np.count_nonzero(valid))
        self._slice[rows.start : rows.stop, columns.start : columns.stop] = stored

    def _flush(self) -> None:
        if self._plane < 0:
            return
        order, channels = self._like.order, self._slice.shape[-1]
        volume, number = divmod(self._plane, self._like.slices)
        for channel in range(channels):
            position = order.stored(number, self._like.slices)
            turned = order.turned_back(self._slice[..., channel])
            self._store.put(order.axes[2], position, volume * channels + channel, turned)

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._store.close()
        if self._missing:
            what = f"{self._missing:,} voxels have no value (NaN or padding): {self._fill:g} in the translation"
            self._like.volume.notes.append(what)


def stored_type(spec: ImageSpec) -> "np.dtype[Any]":
    """What translations are stored as: that of the training targets."""
    return np.dtype("float32" if spec.bits > 16 else "uint16" if spec.bits > 8 else "uint8")


def channels_of(spec: ImageSpec) -> int:
    """The channels of a translation as it is stored."""
    return 1 if spec.kind == "labels" else spec.channels


def layout_of(volume: Volume, spec: ImageSpec) -> Layout:
    """How a volume fills a model's channels: its components, or one of them; then neighbours, an even number of them.

    A model of pictures sees a slice as a grey picture. DataError where the channels cannot be filled.
    """
    components, channels = volume.components, spec.channels
    if spec.is_volume:
        if channels != components:
            raise DataError(f"{volume.name}: {components} values a voxel; the model of volumes takes {channels}")
        return Layout(has_all=True, neighbours=0)
    if spec.kind == "labels" or (spec.kind == "image" and channels != components):
        return Layout(has_all=False, neighbours=0)
    if components > 1 and channels % components == 0 and channels // components % 2:
        return Layout(has_all=True, neighbours=channels // components // 2)
    if channels % 2 == 0:
        what = f"{volume.name}: {components} values a voxel; the model takes {channels} channels"
        raise DataError(what, hint="An odd number of channels is a slice and its neighbours.")
    return Layout(has_all=False, neighbours=channels // 2)


def fill_of(spec: ImageSpec) -> float:
    """What stands where a translation has no value: NaN, in whole numbers the lowest of the range."""
    return float("nan") if stored_type(spec).kind == "f" else spec.low
