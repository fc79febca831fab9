"""FCN-8s on VGG-16, with which the authors of pix2pix score generated photos of streets."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imtrans.errors import NotInstalledError
from imtrans.kit import weight_file
from imtrans.kit.pretrained import fingerprint

OUTPUTS = 20  # the 19 classes of Cityscapes, and void
MEANS = (72.78044, 83.21195, 73.45286)  # blue, green, red, in 0..255
WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 3, 3, 3)  # convolutions of each of VGG's five stages
MARGIN = 100  # of zeros, as the Caffe network has it: even an image of one pixel then has an output


class FCN8s(nn.Module):
    """Classes of photos, (B, 1, *size) int64, of photos (B, 3, H, W) in [-1, 1] (Long et al. 2015, figure 3).

    Photos are rounded to 8 bits, resized bilinearly to `size`, and converted to blue, green, red in 0..255 minus the
    means. Modules have the names of the Caffe layers. Poolings round up, as Caffe's do; crops use its offsets.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int] = (1024, 2048),
        outputs: int = OUTPUTS,
        widths: Sequence[int] = WIDTHS,
        hidden: int = 4096,
    ) -> None:
        super().__init__()
        self.size = size
        channels = 3
        for stage, (width, depth) in enumerate(zip(widths, DEPTHS, strict=True), 1):
            for number in range(1, depth + 1):
                padding = MARGIN if stage == number == 1 else 1
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(channels, width, 3, padding=padding))
                channels = width
        self.fc6, self.fc7 = nn.Conv2d(channels, hidden, 7), nn.Conv2d(hidden, hidden, 1)
        self.score_fr = nn.Conv2d(hidden, outputs, 1)
        self.score_pool3, self.score_pool4 = nn.Conv2d(widths[2], outputs, 1), nn.Conv2d(widths[3], outputs, 1)
        self.upscore2 = nn.ConvTranspose2d(outputs, outputs, 4, stride=2, bias=False)
        self.upscore_pool4 = nn.ConvTranspose2d(outputs, outputs, 4, stride=2, bias=False)
        self.upscore8 = nn.ConvTranspose2d(outputs, outputs, 16, stride=8, bias=False)

    def forward(self, photo: Tensor) -> Tensor:
        """The class of each pixel, (B, 1, *size) int64."""
        stored = ((photo + 1) * 127.5).round().clamp(0, 255)
        resized = F.interpolate(stored, self.size, mode="bilinear", align_corners=False)
        means = torch.tensor(MEANS, device=photo.device).view(1, 3, 1, 1)
        return self.scores(resized.flip(1) - means).argmax(1, keepdim=True)

    def scores(self, picture: Tensor) -> Tensor:
        """Scores of every class, (B, outputs, H, W), for images (B, 3, H, W) already converted."""
        x, pools = picture, []
        for stage, depth in enumerate(DEPTHS, 1):
            for number in range(1, depth + 1):
                x = F.relu(self.get_submodule(f"conv{stage}_{number}")(x), inplace=True)
            x = F.max_pool2d(x, 2, ceil_mode=True)
            pools.append(x)
        coarse = self.upscore2(self.score_fr(F.relu(self.fc7(F.relu(self.fc6(x))))))
        middle = self.upscore_pool4(coarse + _crop(self.score_pool4(pools[3]), 5, coarse.shape))
        fine = self.upscore8(middle + _crop(self.score_pool3(pools[2]), 9, middle.shape))
        return _crop(fine, 31, picture.shape)

    def fingerprint(self) -> str:
        """Identifies the network: its weights, and the size to which photos are resized."""
        return f"{fingerprint(self)} at {self.size[0]} x {self.size[1]}"


def pretrained(*, weights: Path | None, height: int, width: int) -> FCN8s:
    """The network with the weights of a file.

    NotInstalledError without a file, CheckpointError for one that does not fit.
    """
    path = weights.expanduser() if weights else None
    if path is None or not path.is_file():
        fault = f"no file {path}" if path else "it comes without weights"
        raise NotInstalledError(
            f"network 'fcn8s': {fault}",
            hint="Name a file of them (docs/cityscapes.md): --set metrics.segmentation.network.weights=FILE",
        )
    tensors = weight_file.read(path)
    with torch.device("meta"):  # 134 million weights: half a gigabyte that is not allocated twice
        network = FCN8s(size=(height, width))
    weight_file.fill(network, tensors, path=path, may_hold_more=False)
    return network


def _crop(scores: Tensor, offset: int, like: torch.Size) -> Tensor:
    return scores[..., offset : offset + like[-2], offset : offset + like[-1]]
