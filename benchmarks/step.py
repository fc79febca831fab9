"""Our training step beside an own plain one in the field's usual manner, in one process, A B A B.

    python benchmarks/step.py [SIZE] [ROUNDS]

The plain step: default Adam, three passes of the discriminator, gradients of the generator's step left on it. Before
timing, both take one step in float64 from equal weights, on narrow networks, and must give equal generators.
"""

import copy
import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from imtrans.engine.device import tune_malloc
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.engine.optim.optimizers import create_optimizer
from imtrans.interfaces import Batch
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted
from imtrans.plugins.recipe import OptimizerOptions
from imtrans_losses.adversarial import BCE
from imtrans_patchgan.network import PatchGAN
from imtrans_pix2pix.method import ConditionalGAN
from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet


def ours(generator: nn.Module, discriminator: nn.Module, batch: Batch) -> Callable[[], None]:
    groups = {"generator": list(generator.parameters()), "discriminator": list(discriminator.parameters())}
    update = OptimizerStep.of({g: create_optimizer(p, OptimizerOptions()) for g, p in groups.items()})
    method = ConditionalGAN(
        generator=generator,
        discriminator=discriminator,
        adversarial=AdversarialTerms([Weighted(1.0, BCE())]),
        reconstruction=Terms([Weighted(100.0, nn.L1Loss())]),
    )
    return lambda: void(method.train_step(batch, update, step=0))


def plain(generator: nn.Module, discriminator: nn.Module, batch: Batch) -> Callable[[], None]:
    adams = [torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999)) for n in (generator, discriminator)]

    def cost(image: Tensor, label: float) -> Tensor:
        logits = discriminator(batch.source, image).logits[0]
        return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    def step() -> None:
        fake = generator(batch.source)
        adams[1].zero_grad()
        ((cost(fake.detach(), 0.0) + cost(batch.target, 1.0)) / 2).backward()
        adams[1].step()
        adams[0].zero_grad()
        (cost(fake, 1.0) + 100 * (fake - batch.target).abs().mean()).backward()
        adams[0].step()

    return step


def void(_: object) -> None:
    """Forget a value."""


def apart_in_float64() -> float:
    """The largest difference between the generators after one step each; the run ends if it is not nothing."""
    torch.manual_seed(0)
    networks = UNet(UNetOptions(dropout=0, width=4)).double(), PatchGAN(width=4).double()
    source, target = torch.rand(2, 1, 3, 256, 256, dtype=torch.float64) * 2 - 1
    batch = Batch(source=source, target=target, keys=["x"], draws=torch.tensor([0]))
    first, second = copy.deepcopy(networks), copy.deepcopy(networks)
    plain(*first, batch)()
    ours(*second, batch)()
    pairs = zip(first[0].parameters(), second[0].parameters(), strict=True)
    apart = max(float((a - b).detach().abs().max()) for a, b in pairs)
    if apart > 1e-9:
        sys.exit(f"the two steps differ by {apart:.1e}")
    return apart


def main() -> None:
    given = [int(a) for a in sys.argv[1:]]
    size, rounds = [*given, *(256, 9)[len(given) :]]
    tune_malloc()
    torch.manual_seed(0)
    print(f"weights apart after one step in float64: {apart_in_float64():.1e} (the step itself is 2e-4)")
    networks = UNet(UNetOptions(dropout=0)), PatchGAN()
    source, target = torch.rand(2, 1, 3, size, size) * 2 - 1
    batch = Batch(source=source, target=target, keys=["x"], draws=torch.tensor([0]))
    pairs = {"plain": copy.deepcopy(networks), "ours": copy.deepcopy(networks)}
    steps = {"plain": plain(*pairs["plain"], batch), "ours": ours(*pairs["ours"], batch)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 2):
        for name, step in steps.items():
            begun = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - begun)
    middle = {name: statistics.median(t[2:]) for name, t in times.items()}
    ratios = sorted(a / b for a, b in zip(times["plain"][2:], times["ours"][2:], strict=True))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {size} px, batch 1; peak {memory:.2f} GB")
    print(f"plain {middle['plain'] * 1e3:.0f} ms, ours {middle['ours'] * 1e3:.0f} ms a step")
    print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
