"""A step of pix2pix as the field's projects take it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Step = Callable[[Tensor, Tensor], dict[str, Tensor]]


def plain_step(generator: nn.Module, discriminator: nn.Module) -> Step:
    """Default Adam, three passes of the discriminator, which is frozen for the generator's step."""
    adams = [torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999)) for n in (generator, discriminator)]

    def cost(source: Tensor, image: Tensor, label: float) -> Tensor:
        logits = discriminator(source, image).logits[0]
        return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    def step(source: Tensor, target: Tensor) -> dict[str, Tensor]:
        fake = generator(source)
        discriminator.requires_grad_(True)
        adams[1].zero_grad()
        d_loss = (cost(source, fake.detach(), 0.0) + cost(source, target, 1.0)) / 2
        d_loss.backward()
        adams[1].step()
        discriminator.requires_grad_(False)
        adams[0].zero_grad()
        gan, l1 = cost(source, fake, 1.0), 100 * (fake - target).abs().mean()
        (gan + l1).backward()
        adams[0].step()
        return {"discriminator": d_loss, "adversarial": gan, "reconstruction": l1}

    return step
