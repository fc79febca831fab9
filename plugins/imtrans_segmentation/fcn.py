"""FCN-8s on VGG-16, as the authors of pix2pix judge photos of streets with it."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imtrans.errors import NotInstalledError
from imtrans.kit.pretrained import fingerprint
from imtrans_segmentation import weights as files

OUTPUTS = 20  # the 19 classes of Cityscapes, and void
MEANS = (72.78044, 83.21195, 73.45286)  # blue, green, red, in 0..255
WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 3, 3, 3)  # convolutions of each of VGG's five stages
MARGIN = 100  # of zeros: so that even a picture of one pixel has an output


class FCN8s(nn.Module):
    """Classes of photos, (B, 1, *size) int64, of photos (B, 3, H, W) in [-1, 1] (Long et al. 2015, figure 3).

    Photos are rounded to 8 bits, brought bilinearly to `size`, and seen as blue, green, red in 0..255 minus the means.
    Modules bear the names of the Caffe layers. Poolings round up, as Caffe's do, and the crops are by its offsets.
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
        before = 3
        for stage, (width, depth) in enumerate(zip(widths, DEPTHS, strict=True), 1):
            for number in range(1, depth + 1):
                padding = MARGIN if stage == number == 1 else 1
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(before, width, 3, padding=padding))
                before = width
        self.fc6, self.fc7 = nn.Conv2d(before, hidden, 7), nn.Conv2d(hidden, hidden, 1)
        self.score_fr = nn.Conv2d(hidden, outputs, 1)
        self.score_pool3, self.score_pool4 = nn.Conv2d(widths[2], outputs, 1), nn.Conv2d(widths[3], outputs, 1)
        self.upscore2 = nn.ConvTranspose2d(outputs, outputs, 4, stride=2, bias=False)
        self.upscore_pool4 = nn.ConvTranspose2d(outputs, outputs, 4, stride=2, bias=False)
        self.upscore8 = nn.ConvTranspose2d(outputs, outputs, 16, stride=8, bias=False)

    def forward(self, photo: Tensor) -> Tensor:
        stored = ((photo + 1) * 127.5).round().clamp(0, 255)
        brought = F.interpolate(stored, self.size, mode="bilinear", align_corners=False)
        means = torch.tensor(MEANS, device=photo.device).view(1, 3, 1, 1)
        return self.scores(brought.flip(1) - means).argmax(1, keepdim=True)

    def scores(self, picture: Tensor) -> Tensor:
        """Scores of every class, (B, outputs, H, W), of what the network sees, (B, 3, H, W)."""
        seen, pools = picture, []
        for stage, depth in enumerate(DEPTHS, 1):
            for number in range(1, depth + 1):
                seen = F.relu(self.get_submodule(f"conv{stage}_{number}")(seen), inplace=True)
            seen = F.max_pool2d(seen, 2, ceil_mode=True)
            pools.append(seen)
        coarse = self.upscore2(self.score_fr(F.relu(self.fc7(F.relu(self.fc6(seen))))))
        middle = self.upscore_pool4(coarse + _crop(self.score_pool4(pools[3]), 5, coarse.shape))
        fine = self.upscore8(middle + _crop(self.score_pool3(pools[2]), 9, middle.shape))
        return _crop(fine, 31, picture.shape)

    def fingerprint(self) -> str:
        """What tells this network from another: its weights, and to what size photos are brought."""
        return f"{fingerprint(self)} at {self.size[0]} x {self.size[1]}"


def pretrained(*, weights: Path | None, height: int, width: int) -> FCN8s:
    """The network with the weights of a file. NotInstalledError without one, CheckpointError for one that does not fit."""
    if weights is None:
        raise NotInstalledError(
            "network 'fcn8s': it comes without weights",
            hint=f"Name a file of them (docs/cityscapes.md): {files.KEY}",
        )
    told = files.read(weights, name="network 'fcn8s'")
    with torch.device("meta"):
        network = FCN8s(size=(height, width))
    files.fill(network, told, path=weights)
    return network.requires_grad_(False)


def _crop(scores: Tensor, offset: int, like: torch.Size) -> Tensor:
    return scores[..., offset : offset + like[-2], offset : offset + like[-1]]
