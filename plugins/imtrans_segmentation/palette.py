"""Colours that stand for classes, and the class of each pixel of painted labels."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from imtrans.errors import ShapeError

CHUNK = 1 << 13  # pixels compared with all colours at once: their distances then fit in a CPU's cache


class Colour(NamedTuple):
    """A colour of 8 bits and the class that it stands for; void pixels are not scored."""

    name: str
    rgb: tuple[int, int, int]
    is_void: bool = False


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Classes in the order of their colours, numbered from 0; void has the number `count`.

    `ids` gives the classes of the numbers in the data set's own label files, if it has any; all others are void.
    """

    colours: tuple[Colour, ...]
    ids: Mapping[int, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, without void."""
        return tuple(c.name for c in self.colours if not c.is_void)

    @property
    def count(self) -> int:
        """How many classes there are, without void."""
        return len(self.names)

    @property
    def classes(self) -> list[int]:
        """The class of each colour."""
        numbers = iter(range(self.count))
        return [self.count if c.is_void else next(numbers) for c in self.colours]

    def read(self, picture: Tensor) -> Tensor:
        """The class of each pixel's nearest colour, (B, *spatial) int64, of a picture (B, 3, *spatial) in [-1, 1].

        Nearest in 8-bit RGB by L2; of equally near ones the first of the palette. ShapeError for other than 3 channels.
        """
        if picture.shape[1] != 3:
            raise ShapeError(f"label colours: pictures of 3 channels (RGB) are needed, not {picture.shape[1]}")
        # NaN, from a model that diverged, counts as black: as an integer it would be an arbitrary class.
        finite = picture.detach().float().nan_to_num(-1)
        stored = ((finite + 1) * 127.5).round().clamp(0, 255).movedim(1, 0).flatten(1)
        classes = torch.tensor(self.classes, device=picture.device)
        nearest = torch.cat([self._nearest(part) for part in torch.split(stored, CHUNK, dim=1)])
        return classes[nearest].view(len(picture), *picture.shape[2:])

    def of_ids(self, labels: Tensor) -> Tensor:
        """The classes of label files' numbers, any shape, int64."""
        largest = max(self.ids, default=0)
        table = torch.full((largest + 3,), self.count, device=labels.device)
        for number, training_number in self.ids.items():
            table[number + 1] = training_number
        return table[labels.clamp(-1, largest + 1) + 1]

    def fingerprint(self) -> str:
        """Identifies the palette: its colours, names and label numbers."""
        return hashlib.sha256(repr((self.colours, sorted(self.ids.items()))).encode()).hexdigest()

    def _nearest(self, pixels: Tensor) -> Tensor:
        """Indices in the palette, (N,), of pixels (3, N).

        The index is added to the multiplied distance, so that one minimum gives both, and the first of equally near
        colours.
        """
        many = len(self.colours)
        # All numbers are integers: float32 is exact up to 2^24, which 42 colours do not reach.
        kind = torch.float32 if many <= 42 else torch.float64
        rgb = torch.tensor([c.rgb for c in self.colours], dtype=kind, device=pixels.device)
        indices = torch.arange(many, dtype=kind, device=pixels.device)
        ranked = (rgb @ pixels.to(kind)).mul_(-2 * many).add_((rgb.square().sum(1) * many + indices)[:, None])
        return ranked.amin(0).remainder(many).long()
