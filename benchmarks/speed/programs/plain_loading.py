"""Pairs as the field's projects load them: PIL, each picture by itself, torch's loader."""

import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset


class PlainPairs(Dataset[tuple[Tensor, Tensor]]):
    """Pairs side by side: bicubic resize, random crop and flip, tensor, normalise, a picture at a time."""

    def __init__(self, files: list[Path], *, size: int = 256) -> None:
        self.files, self.size, self.load_size = files, size, round(size * 286 / 256)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        whole = Image.open(self.files[index]).convert("RGB")
        half, height = whole.width // 2, whole.height
        left, top = (random.randint(0, self.load_size - self.size) for _ in range(2))
        is_flipped = random.random() < 0.5
        boxes = [(start, 0, start + half, height) for start in (0, half)]
        source, target = (self._changed(whole.crop(box), left, top, is_flipped=is_flipped) for box in boxes)
        return source, target

    def _changed(self, picture: Image.Image, left: int, top: int, *, is_flipped: bool) -> Tensor:
        size = (self.load_size, self.load_size)
        picture = picture.resize(size, Image.Resampling.BICUBIC).crop((left, top, left + self.size, top + self.size))
        if is_flipped:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)
        return values.sub_(0.5).div_(0.5)
