"""Losses: distances between images, and adversarial losses of discriminator and generator."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class Hinge:
    """Options of the hinge loss."""

    generator_margin: bool = option(
        False,
        "let the generator's loss stop at a margin of 1, as one Keras project does",
        former={"clamped": None},  # its name in checkpoints of earlier versions
    )


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Two distances and three adversarial losses."""
    yield Component(kind="loss", name="l1", target="torch.nn:L1Loss", summary="mean absolute difference")
    yield Component(kind="loss", name="mse", target="torch.nn:MSELoss", summary="mean squared difference")
    for name, summary in (
        ("bce", "cross entropy on logits; the generator's form does not saturate (paper, section 3.3)"),
        ("lsgan", "squared distance of the logits from 0 and 1 (Mao et al. 2017)"),
        ("hinge", "logits beyond a margin of 1 cost nothing (Lim and Ye 2017)"),
    ):
        yield Component(
            kind="adversarial",
            name=name,
            target=f"imtrans_losses.adversarial:{name.title() if name == 'hinge' else name.upper()}",
            summary=summary,
            options=Hinge if name == "hinge" else None,
        )
