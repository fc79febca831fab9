"""Contract checks for plugin authors: each raises AssertionError with what is wrong, else says nothing.

    from imtrans.testing import check_generator
    def test_my_generator(): check_generator("my-generator", width=4)

A component is given by its name, as `imtrans list` shows it, with options that make it small.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef, Kind
from imtrans.plugins.discovery import discover
from imtrans.plugins.options import specs, values

if TYPE_CHECKING:
    from torch import Tensor, nn


def make(
    kind: Kind, name: str, *, data_spec: DataSpec | None = None, size: Sequence[int] = (64,), **options: Any
) -> Any:
    """The component of this name, built as a run would build it."""
    from imtrans.engine.build import ComponentFactory

    return ComponentFactory(Catalog(discover().records)).make(
        kind, ComponentRef(name, options), data_spec=data_spec or DataSpec(), size=size
    )


def check_generator(
    name: str, *, channels: Sequence[tuple[int, int]] = ((3, 3), (1, 3), (6, 2)), size: int = 64, **options: Any
) -> None:
    """A generator keeps the size, gives the target's channels in [-1, 1], learns, and comes back from its state.

    `channels` are pairs of source and target channels; `size` is a size it takes.
    """
    import torch

    for source, target in channels:
        data_spec = DataSpec(source=ImageSpec(channels=source), target=ImageSpec(channels=target))
        torch.manual_seed(0)
        network = make("generator", name, data_spec=data_spec, size=(size,), **options)
        _check_module(network, name)
        given = torch.rand(2, source, size, size + int(getattr(network, "stride", 1))) * 2 - 1
        made = network(given)
        wanted = (2, target, *given.shape[2:])
        assert tuple(made.shape) == wanted, f"{name}: {tuple(given.shape)} became {tuple(made.shape)}, not {wanted}"
        assert made.dtype == torch.float32, f"{name}: the output is {made.dtype}, not float32"
        assert made.abs().max() <= 1, f"{name}: the output leaves [-1, 1]: {float(made.detach().abs().max()):.3g}"
        _check_gradients(network, made.square().mean(), name)
        _check_state(network, lambda other, x=given: other(x), name)


def check_discriminator(name: str, *, size: int = 64, **options: Any) -> None:
    """A discriminator gives a Verdict with finite logits (B, 1, h, w), learns, and comes back from its state."""
    import torch

    from imtrans.interfaces import DiscriminatorOutput

    network = make("discriminator", name, size=(size,), **options)
    _check_module(network, name)
    source, image = torch.rand(2, 3, size, size) * 2 - 1, torch.rand(2, 3, size, size) * 2 - 1
    verdict = network(source, image)
    assert isinstance(verdict, DiscriminatorOutput), f"{name}: gave {type(verdict).__name__}, not a Verdict"
    assert verdict.logits, f"{name}: the verdict has no logits"
    for logits in verdict.logits:
        assert logits.shape[:2] == (2, 1), f"{name}: logits are {tuple(logits.shape)}, not (2, 1, h, w)"
        assert torch.isfinite(logits).all(), f"{name}: logits are not finite"
    _check_gradients(network, torch.stack([x.square().mean() for x in verdict.logits]).sum(), name)


def check_loss(name: str, **options: Any) -> None:
    """A loss is a scalar, zero or less for equal pictures than for different ones, with gradients."""
    import torch

    loss = make("loss", name, **options)
    target = torch.rand(2, 3, 32, 32) * 2 - 1
    other = (torch.rand(2, 3, 32, 32) * 2 - 1).requires_grad_()
    far, near = loss(other, target), loss(target, target)
    assert far.shape == (), f"{name}: gave {tuple(far.shape)}, not a scalar"
    assert near < far, f"{name}: equal pictures cost {float(near):.3g}, different ones {float(far):.3g}"
    (gradient,) = torch.autograd.grad(far, other)
    assert torch.isfinite(gradient).all(), f"{name}: its gradient is not finite"
    assert gradient.abs().sum() > 0, f"{name}: its gradient is zero"


def check_activation(name: str, **options: Any) -> None:
    """An activation is a module that keeps shape and dtype and does not change its input."""
    import torch

    layer = make("activation", name, **options)
    _check_module(layer, name)
    given = torch.linspace(-3, 3, 24).view(2, 3, 2, 2)
    kept = given.clone()
    made = layer(given)
    assert made.shape == given.shape, f"{name}: {tuple(given.shape)} became {tuple(made.shape)}"
    assert made.dtype == given.dtype, f"{name}: {given.dtype} became {made.dtype}"
    assert torch.equal(given, kept), f"{name}: changed its input"


def check_dataset(name: str, *, size: Sequence[int] = (64,), **options: Any) -> None:
    """A data set gives pairs as its signals say, the same each time, for training and validation."""
    import numpy as np

    from imtrans.engine.build import options_of
    from imtrans.engine.data.source import DatasetSource

    catalog = Catalog(discover().records)
    component = catalog.component("dataset", name)
    for split in ("train", "val"):
        chosen = options_of(component, ComponentRef(name, options))
        inner = catalog.named_sets(specs(component.options).values(), values(chosen))
        source = DatasetSource(component=component, options=chosen, split=split, size=tuple(size), inner=inner)
        dataset = source.dataset
        assert len(dataset) > 0, f"{name}: no pairs in {split}"
        pair, again = dataset[0], dataset[0]
        for side in ("source", "target"):
            array, spec = getattr(pair, side), getattr(dataset.data_spec, side)
            assert array.shape[-1] == spec.channels, f"{name}: {side} is {array.shape}, its signal says {spec.channels}"
            assert np.array_equal(array, getattr(again, side)), f"{name}: pair 0 differs from one reading to the next"
        assert pair.key, f"{name}: a pair needs a key"
        assert dataset.files(0) is not None, f"{name}: files() must give a sequence"


def check_metric(name: str, **options: Any) -> None:
    """A metric gives a row for each picture, whatever else is in the batch, and numbers for all rows."""
    import torch

    from imtrans.interfaces import Batch

    metric = make("metric", name, **options)
    source, target = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    batch = Batch(source=source, target=target, keys=["a", "b"], draws=torch.tensor([1, 2]))
    prediction = torch.rand(2, 3, 32, 32) * 2 - 1
    rows = metric.compute(prediction, batch)
    assert rows.shape[0] == 2, f"{name}: {rows.shape[0]} rows for 2 pictures"
    one = Batch(source=source[1:], target=target[1:], keys=["b"], draws=torch.tensor([2]))
    alone = metric.compute(prediction[1:], one)
    assert torch.allclose(rows[1:], alone, atol=1e-5), f"{name}: a picture's row depends on its neighbours"
    summary = metric.aggregate(rows)
    assert all(isinstance(v, float) for v in summary.values()), f"{name}: summarise must give floats by name"


def _check_module(network: Any, name: str) -> None:
    from torch import nn

    assert isinstance(network, nn.Module), f"{name}: gave {type(network).__name__}, not a torch.nn.Module"


def _check_gradients(network: "nn.Module", loss: "Tensor", name: str) -> None:
    import torch

    parameters = {k: p for k, p in network.named_parameters() if p.requires_grad}  # a frozen encoder learns nothing
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for key, gradient in zip(parameters, gradients, strict=True):
        assert gradient is not None, f"{name}: {key} takes no part in the output"
        assert torch.isfinite(gradient).all(), f"{name}: the gradient of {key} is not finite"


def _check_state(network: "nn.Module", call: Any, name: str) -> None:
    import copy

    import torch

    from imtrans.kit.nn import inference

    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(network.state_dict())
    with inference([network, other], dropout=False):
        assert torch.equal(call(network), call(other)), f"{name}: a network with the same state gives another output"
