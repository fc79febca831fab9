"""Diffusion in four steps, conditioned on the source, sampled with averaged weights."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, ComponentRef, MethodInfo, Recipe, Slot, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class Sampling:
    steps: int = option(4, "denoising steps", low=1)


@dataclass(frozen=True, kw_only=True)
class DenoiserOptions:
    width: int = option(8, "channels", low=1)
    activation: ComponentRef = option(ComponentRef("silu"), "between the convolutions", kind="activation")


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    yield Component(
        kind="network",
        name="example-denoiser",
        target="example_diffusion.method:denoiser",
        summary="three convolutions that know the time",
        options=DenoiserOptions,
        needs_context=True,
    )
    yield Component(
        kind="method",
        name="example-diffusion",
        target="example_diffusion.method:diffusion",
        summary="rectified flow from noise to the target",
        info=MethodInfo(
            slots={"denoiser": Slot(kind="network", group="denoiser"), "loss": Slot(kind="loss")}, policy=Sampling
        ),
        needs_context=True,
    )
    yield Recipe(
        name="example-diffusion",
        summary="four-step diffusion on the toy set",
        method=ComponentRef("example-diffusion"),
        networks={"denoiser": ComponentRef("example-denoiser")},
        losses={"loss": ComponentRef("mse")},
        metrics=[ComponentRef("psnr")],
        data={"size": 16, "batch_size": 2},
        train={"ema": 0.5, "optimizer.name": "adamw", "optimizer.betas": (0.9, 0.99)},
        inference={"steps": 4},
    )
