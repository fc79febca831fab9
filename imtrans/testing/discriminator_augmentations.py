"""Checks of augmentations of what a discriminator sees."""

from typing import TYPE_CHECKING, Any

from imtrans.interfaces import DiscriminatorAugmentation, DiscriminatorOutput, ImageSpec
from imtrans.testing.contract import batch_of_noise, check, make, require

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 20


@check
def check_discriminator_augmentation(name: str, *, size: int = 32, channels: int = 3, **options: Any) -> None:
    """An augmentation of a discriminator's images keeps shapes and inputs, follows from draws and stream alone, and
    lets gradients through.

    Also checked: the same without a source, in any company, after many steps of a discriminator that is always right,
    and that its state brings another one to the same images.
    """
    spec = ImageSpec(channels=channels, kind="image" if channels in (1, 3) else "data")
    augmentation, other = (make("discriminator_augmentation", name, **options).copy_for(spec) for _ in range(2))
    _check_images(augmentation, name, size=size, channels=channels)
    _overfit(augmentation, name)
    _check_images(augmentation, name, size=size, channels=channels)
    before = augmentation.state_dict()
    other.load_state_dict(before)
    _check_same(augmentation, other, f"{name}: with the state of another it gives other images")
    for each in (augmentation, other):
        _overfit(each, name, first=STEPS)
    _check_same(augmentation, other, f"{name}: with the state of another it develops otherwise")


def _check_images(augmentation: DiscriminatorAugmentation, name: str, *, size: int, channels: int) -> None:
    import torch

    batch = batch_of_noise(size=size, channels=2, target_channels=channels, count=3)
    image, given = batch.target.clone().requires_grad_(), batch.source.clone()
    torch.manual_seed(1)
    source, changed = _called(augmentation, given, image, batch.draws)
    torch.manual_seed(2)
    again = _called(augmentation, given, image, batch.draws)
    require(torch.equal(image, batch.target) and torch.equal(given, batch.source), f"{name}: changed its input")
    same = torch.equal(source, again[0]) and torch.equal(changed, again[1])
    require(same, f"{name}: follows from more than draws and stream")
    for before, after in ((given, source), (image, changed)):
        require(after.shape == before.shape, f"{name}: made {tuple(after.shape)} of {tuple(before.shape)}")
        require(after.dtype == torch.float32, f"{name}: gave {after.dtype}, not float32")
        require(torch.isfinite(after).all(), f"{name}: gave values that are not finite")
    (gradient,) = torch.autograd.grad(changed.sum(), image)
    reaches = bool(torch.isfinite(gradient).all()) and bool(gradient.any())
    require(reaches, f"{name}: no finite gradient reaches the image")
    nothing, alone = augmentation(None, image[:1], batch.draws[:1], stream="check")
    require(nothing is None, f"{name}: made a source of None")
    require(torch.allclose(alone, changed[:1], atol=1e-5), f"{name}: a sample depends on its batch, or on its source")


def _called(
    augmentation: DiscriminatorAugmentation, source: "Tensor", image: "Tensor", draws: "Tensor"
) -> "tuple[Tensor, Tensor]":
    moved, changed = augmentation(source, image, draws, stream="check")
    require(moved is not None, "a source became None")
    assert moved is not None
    return moved, changed


def _overfit(augmentation: DiscriminatorAugmentation, name: str, *, first: int = 0) -> None:
    """Steps in which the discriminator is sure of every patch of the real images."""
    import torch

    sure = DiscriminatorOutput([torch.full((4, 1, 3, 3), 2.0), torch.full((4, 1, 2, 2), 2.0)])
    for step in range(first, first + STEPS):
        augmentation.begin(step)
        augmentation.observe(sure, threshold=0.5)
    numbers = augmentation.values().values()
    require(all(isinstance(n, float | int) for n in numbers), f"{name}: logs what is no number")


def _check_same(one: DiscriminatorAugmentation, other: DiscriminatorAugmentation, what: str) -> None:
    import torch

    batch = batch_of_noise(size=32, count=3)
    given = [_called(each, batch.source, batch.target, batch.draws) for each in (one, other)]
    require(all(torch.equal(a, b) for a, b in zip(*given, strict=True)), what)
