"""Checks of discriminators, of networks that others ask for by name, and of activations."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import DiscriminatorOutput
from imtrans.testing import modules
from imtrans.testing.contract import axes_of, check, flat_data, make, noise, require

if TYPE_CHECKING:
    from torch import Tensor


@check
def check_discriminator(
    name: str,
    *,
    channels: Sequence[tuple[int, int]] = ((3, 3), (1, 6), (6, 1)),
    size: int = 64,
    learns: bool = True,
    **options: Any,
) -> None:
    """A discriminator gives finite logits (B, 1, h, w), learns, and comes back from its state.

    `channels` are pairs of source and target channels; `size` is that of a side, of volumes where it sees three axes
    (`NetworkInfo.axes`). Also checked: another size, a batch of one, a gradient for each
    parameter, bf16, the same weights from the same seed, and a short training that tells two pictures apart (`learns`).
    """
    for number, (source, target) in enumerate(channels):
        build = partial(make, "discriminator", name, data_spec=flat_data(source, target), size=(size,), **options)
        network = modules.seeded(build, 0)
        modules.check_module(network, name)
        sizes = [size] * axes_of("discriminator", name)
        pictures = noise(2, source, *sizes), noise(2, target, *sizes, seed=1)
        modules.check_gradients(network, _checked(network, *pictures, name=name).square().mean(), name)
        modules.check_state(build, partial(_all_logits, pictures), name)
        _checked(network, pictures[0][:1, :, :-8], pictures[1][:1, :, :-8], name=f"{name}, a batch of one")
        if number == 0:
            modules.check_seed(build, name)
            modules.check_half(network, partial(_all_logits, pictures), name)
            if learns:
                modules.check_learns(modules.seeded(build, 0), partial(_loss, pictures), name)


def _checked(network: Any, source: "Tensor", image: "Tensor", *, name: str) -> "Tensor":
    """The logits of all scales in a row, after a look at them."""
    import torch

    output = network(source, image)
    gave = type(output).__name__
    require(isinstance(output, DiscriminatorOutput), f"{name}: gave {gave}, not a DiscriminatorOutput")
    require(output.logits, f"{name}: the output has no logits")
    for logits in output.logits:
        shape = (len(image), 1)
        require(logits.shape[:2] == shape, f"{name}: logits are {tuple(logits.shape)}, not ({len(image)}, 1, h, w)")
        require(torch.isfinite(logits).all(), f"{name}: logits are not finite")
    return torch.cat([logits.flatten() for logits in output.logits])


def _all_logits(pictures: "tuple[Tensor, Tensor]", network: Any) -> "Tensor":
    import torch

    return torch.cat([logits.flatten() for logits in network(*pictures).logits])


def _loss(pictures: "tuple[Tensor, Tensor]", network: Any) -> "Tensor":
    """Least squares: the first picture is real, the other is not."""
    source, image = pictures
    real, fake = (network(source[i : i + 1], image[i : i + 1]).logits for i in range(2))
    terms = [(r - 1).square().mean() + f.square().mean() for r, f in zip(real, fake, strict=True)]
    total: Tensor = sum(terms[1:], terms[0])
    return total


@check
def check_network(name: str, *, channels: int = 3, size: int = 64, **options: Any) -> None:
    """A network is a module that gives a finite tensor (B, ...) of pictures, the same for equal state and pictures.

    What else its output is, is an agreement with who asks for it. Also checked: a batch of one, an odd size, no change
    of its input, bf16, and the same weights from the same seed.
    """
    import torch

    build = partial(make, "network", name, size=(size,), **options)
    network = modules.seeded(build, 0)
    modules.check_module(network, name)
    for count, height in ((2, size), (1, size + 1)):
        image = noise(count, channels, height, size)
        before = image.clone()
        output = network(image)
        require(isinstance(output, torch.Tensor), f"{name}: gave {type(output).__name__}, not a tensor")
        require(len(output) == count, f"{name}: gave {tuple(output.shape)} for {count} pictures")
        require(torch.isfinite(output).all(), f"{name}: the output is not finite")
        require(torch.equal(image, before), f"{name}: changed its input")
    image = noise(2, channels, size, size)
    modules.check_state(build, lambda n: n(image), name)
    modules.check_seed(build, name)
    modules.check_half(network, lambda n: n(image), name)


@check
def check_activation(name: str, **options: Any) -> None:
    """An activation is a module that keeps shape and dtype, does not change its input, and has the right gradient.

    The gradient is compared with finite differences in float64.
    """
    import torch

    layer = make("activation", name, **options)
    modules.check_module(layer, name)
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.linspace(-3, 3, 24, dtype=dtype).view(2, 3, 2, 2)
        before = x.clone()
        y = layer.to(dtype)(x)
        require(y.shape == x.shape, f"{name}: {tuple(x.shape)} became {tuple(y.shape)}")
        require(y.dtype == x.dtype, f"{name}: {x.dtype} became {y.dtype}")
        require(torch.isfinite(y).all(), f"{name}: the output for {x.dtype} is not finite")
        require(torch.equal(x, before), f"{name}: changed its input")
    modules.check_derivative(layer.double(), (noise(2, 3, 4, 4).double() * 3,), name)
    modules.check_state(partial(make, "activation", name, **options), lambda n: n(noise(2, 3, 4, 4)), name)
