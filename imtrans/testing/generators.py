"""Checks of generators."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from imtrans.testing import modules
from imtrans.testing.contract import axes_of, catalog, check, flat_data, make, noise, require, within_contract
from imtrans.testing.modules import Build

if TYPE_CHECKING:
    from torch import Tensor

Channels = Sequence[tuple[int, int]]


@check
def check_generator(
    name: str,
    *,
    channels: Channels = ((3, 3), (1, 6), (6, 1)),
    size: int = 64,
    exports: bool = True,
    learns: bool = True,
    **options: Any,
) -> None:
    """A generator keeps the size, gives the target's channels in [-1, 1], learns, and comes back from its state.

    `channels` are pairs of source and target channels; `size` is a size it takes, of volumes where it sees three axes
    (`NetworkInfo.axes`). Also checked: odd sizes, a batch of
    one, a gradient for each parameter, bf16, the same weights from the same seed, a short training on one pair
    (`learns`), and torch.export for all sizes (`exports`).
    """
    axes = axes_of("generator", name)
    for source, target in channels:
        build = _build(name, source, target, size=size, options=options)
        network = modules.seeded(build, 0)
        modules.check_module(network, name)
        # Not square: a network that exchanges height and width, or is fixed to one size, is noticed.
        image = noise(2, source, *[size] * (axes - 1), size + modules.strides_of(network, axes)[-1])
        output = _checked_output(network, image, target, name)
        modules.check_gradients(network, output.square().mean(), name)
        modules.check_state(build, partial(_applied, image), name)
    build = _build(name, *channels[0], size=size, options=options)
    _check_sizes(build, channels[0], size=size, name=name)
    modules.check_seed(build, name)
    modules.check_half(modules.seeded(build, 0), partial(_applied, noise(2, channels[0][0], *[size] * axes)), name)
    if learns:
        _check_learns(build, channels[0], size=size, name=name)
    if exports and axes == 2:  # files for other programs hold models of pictures
        _check_export(name, channels[0], size=size, options=options)


def _build(name: str, source: int, target: int, *, size: int, options: dict[str, Any]) -> Build:
    return partial(make, "generator", name, data_spec=flat_data(source, target), size=(size,), **options)


def _applied(image: "Tensor", network: Any) -> "Tensor":
    output: Tensor = network(image)
    return output


def _checked_output(network: Any, image: "Tensor", target: int, name: str) -> "Tensor":
    import torch

    before = image.clone()
    output: Tensor = network(image)
    gave = type(output).__name__
    require(isinstance(output, torch.Tensor), f"{name}: gave {gave}, not a tensor")
    shape = (len(image), target, *image.shape[2:])
    require(tuple(output.shape) == shape, f"{name}: {tuple(image.shape)} became {tuple(output.shape)}, not {shape}")
    require(output.dtype == torch.float32, f"{name}: the output is {output.dtype}, not float32")
    require(torch.isfinite(output).all(), f"{name}: the output is not finite")
    largest = float(output.detach().abs().max())
    require(largest <= 1, f"{name}: the output leaves [-1, 1]: {largest:.3g}")
    require(torch.equal(image, before), f"{name}: changed its input")
    return output


def _check_sizes(build: Build, channels: tuple[int, int], *, size: int, name: str) -> None:
    network = modules.seeded(build, 0)
    source, target = channels
    for sizes in modules.odd_sizes(network, size, axes=axes_of("generator", name)):
        _checked_output(network, noise(1, source, *sizes), target, f"{name}, a batch of one")


def _check_learns(build: Build, channels: tuple[int, int], *, size: int, name: str) -> None:
    axes = axes_of("generator", name)
    source = modules.smooth(1, channels[0], size, axes=axes)
    target = -0.8 * source.mean(1, keepdim=True).expand(-1, channels[1], *[-1] * axes)
    modules.check_learns(modules.seeded(build, 0), lambda n: (n(source) - target).abs().mean(), name)


def _check_export(name: str, channels: tuple[int, int], *, size: int, options: dict[str, Any]) -> None:
    """As `imtrans export` does: one program for all sizes, which gives what the model gives."""
    import torch

    from imtrans.engine.export.graph import export_graph
    from imtrans.testing.models import model_with

    model = model_with("generator", name, data_spec=flat_data(*channels), size=size, catalog=catalog(), **options)
    graph = export_graph(model)
    with within_contract(name, "or exports=False, and its models stay in imtrans"):
        program = graph.program().module()
    example = graph.inputs["picture"]
    _, height, width, planes = example.shape
    other = {key: value[:1] for key, value in graph.inputs.items()}
    other["picture"] = (noise(1, height + graph.stride, width, planes) * 127 + 128).to(example.dtype)
    with torch.no_grad():
        difference = float((program(**other)[1] - graph.module(**other)[1]).abs().max())
    require(difference < 1e-3, f"{name}: exported, it differs by {difference:.3g} at another size")
