"""Checks of augmentations."""

from dataclasses import replace
from typing import Any

from imtrans.interfaces import Batch
from imtrans.testing.contract import batch_of_noise, check, make, noise, require

CLASSES = 5


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
