"""Checks of augmentations: of the data, and of what a discriminator sees."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import Batch, DiscriminatorAugmentation, DiscriminatorOutput, ImageSpec
from imtrans.testing.contract import batch_of_noise, check, make, noise, require

if TYPE_CHECKING:
    from torch import Tensor

CLASSES, STEPS = 5, 20


@check
def check_augmentation(name: str, *, size: int = 32, **options: Any) -> None:
    """An augmentation gives the size that was asked for, and the same again for the same draws, in any company.

    Also checked: a size that is not square, values that stay in [-1, 1], labels that stay whole and are not mixed,
    and of one that `is_geometric` that it moves source, target and extras alike, also as 8 bits.
    """
    import torch

    wanted = (size, size + 8)
    augmentation = make("augmentation", name, size=wanted, **options)
    loaded = tuple(augmentation.input_size(wanted))
    fits = len(loaded) == 2 and all(there >= asked for there, asked in zip(loaded, wanted, strict=True))
    require(fits, f"{name}: input_size({wanted}) gave {loaded}")
    batch = _batch(loaded)
    before = batch.source.clone()
    # Two states of the global generator: what is drawn from it, and not from `draws`, differs.
    torch.manual_seed(1)
    first = augmentation(batch)
    torch.manual_seed(2)
    again = augmentation(batch)
    require(torch.equal(batch.source, before), f"{name}: changed its input")
    for side in ("source", "target"):
        image, same = getattr(first, side), getattr(again, side)
        shape = (2, getattr(batch, side).shape[1], *wanted)
        require(tuple(image.shape) == shape, f"{name}: {side} is {tuple(image.shape)}, not {wanted[0]} x {wanted[1]}")
        require(torch.equal(image, same), f"{name}: {side} follows from more than batch.draws")
    require(list(first.keys) == list(batch.keys), f"{name}: changed the keys")
    _check_values(first, name)
    _check_company(augmentation, batch, first, name)
    if getattr(augmentation, "is_geometric", False):
        _check_geometric(augmentation, batch, name)


def _batch(size: tuple[int, ...]) -> Batch:
    """Noise as the source, class numbers as the target, and an extra."""
    batch = batch_of_noise(size=max(size))
    source = batch.source[..., : size[0], : size[1]].contiguous()
    labels = ((noise(2, 1, *size, seed=4) + 1) / 2 * CLASSES).long().clamp(max=CLASSES - 1)
    return replace(batch, source=source, target=labels, extras={"extra": source.clone()})


def _check_values(given: Batch, name: str) -> None:
    import torch

    require(given.source.dtype == torch.float32, f"{name}: the source became {given.source.dtype}")
    require(torch.isfinite(given.source).all(), f"{name}: the source is not finite")
    largest = float(given.source.abs().max())
    require(largest <= 1 + 1e-5, f"{name}: the source leaves [-1, 1]: {largest:.3g}")
    require(given.target.dtype == torch.int64, f"{name}: labels became {given.target.dtype}")
    lowest, highest = int(given.target.min()), int(given.target.max())
    require(lowest >= 0 and highest < CLASSES, f"{name}: labels below {CLASSES} became {lowest} to {highest}")


def _check_company(augmentation: Any, batch: Batch, together: Batch, name: str) -> None:
    import torch

    for row in range(2):
        one = slice(row, row + 1)
        extras = {key: value[one] for key, value in batch.extras.items()}
        alone = augmentation(
            Batch(
                source=batch.source[one],
                target=batch.target[one],
                keys=batch.keys[one],
                draws=batch.draws[one],
                extras=extras,
            )
        )
        same = torch.allclose(alone.source, together.source[one], atol=1e-5)
        require(same, f"{name}: what becomes of a sample depends on the others of its batch")


def _check_geometric(augmentation: Any, batch: Batch, name: str) -> None:
    import torch

    stored = ((batch.source + 1) * 127).to(torch.uint8)
    moved = augmentation(replace(batch, source=stored, target=stored.clone(), extras={"extra": stored.clone()}))
    require(moved.source.dtype == torch.uint8, f"{name}: is_geometric, and 8 bits became {moved.source.dtype}")
    for part, image in (("target", moved.target), ("extra", moved.extras["extra"])):
        require(torch.equal(moved.source, image), f"{name}: moves the {part} otherwise than the source")
    later = ((augmentation(batch).source + 1) * 127).to(torch.uint8)
    close = (later.int() - moved.source.int()).abs().max() <= 1
    require(bool(close), f"{name}: is_geometric, and 8 bits give other pictures than floats")


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
