"""A trained model as one module that other programs can run: stored values in, stored values out."""

import copy
import dataclasses
import functools
import json
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental import _config as export_config

import imtrans
from imtrans.engine.build import Model
from imtrans.engine.export.layers import make_explicit
from imtrans.engine.export.noise import Seeds
from imtrans.engine.export.stored_values import FromNetwork, ToNetwork, stored_channels, stored_dtype
from imtrans.engine.inference.forward import inference_mode
from imtrans.errors import ConfigError
from imtrans.interfaces import ExportGraph, ImageSpec
from imtrans.plugins.options import to_plain, values

FORMAT = 1  # of inputs, outputs and metadata
OUTPUTS = ("translation", "values")
LEAST = 64  # pixels of a side of the example: smaller ones lie in the padding of some networks


class Translation(nn.Module):
    """Pictures as stored, (B, H, W, C), to translations as stored and to the network's own values, (B, H, W, C').

    `seed` (B,) is there where dropout is on: each picture's own, negative for none. Batches give what the pictures give
    one by one.
    """

    def __init__(self, model: Model, *, half: bool) -> None:
        super().__init__()
        policy = model.config.inference
        # Inside, so that the copy has the averaged weights and the modes in which the model translates.
        with inference_mode(model, seed=0):
            self.method = copy.deepcopy(model.method)
        self.seeds = Seeds()
        slots = model.config.info.slots
        translating = {
            n: m for n, m in self.method.networks.items() if n not in slots or slots[n].kind != "discriminator"
        }
        self.networks = nn.ModuleDict(translating).cpu().requires_grad_(False)
        with torch.no_grad():
            self.dropout_layers = make_explicit(
                self.networks.values(),
                norm=getattr(policy, "norm", "batch"),
                dropout=getattr(policy, "dropout", False),
                seeds=self.seeds,
            )
        self.dtype = torch.float16 if half else torch.float32
        self.networks.to(self.dtype)
        self.to_network, self.from_network = ToNetwork(model.data_spec.source), FromNetwork(model.data_spec)

    def forward(self, picture: Tensor, seed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The translations, and the values in [-1, 1] (planes of classes: their scores) before they are stored."""
        self.seeds.now = seed
        source = self.to_network(picture)
        translated = self.method.translate(source.to(self.dtype), seed=0).float()
        self.seeds.now = None
        return self.from_network(translated, source), translated.movedim(1, -1)


def export_graph(model: Model, *, dtype: str = "fp32", about: Mapping[str, Any] | None = None) -> ExportGraph:
    """The model as an exporter gets it; `about` (run, step, licence) is added to its metadata.

    ConfigError for a model of volumes or with instance maps, and for layers that cannot be exported.
    """
    if model.data_spec.source.instances:
        what = "the model takes instance maps beside label maps"
        raise ConfigError(what, hint="Files for other programs hold models of one picture: use imtrans translate.")
    if model.data_spec.source.is_volume or len(model.config.data.size) > 2:
        raise ConfigError("the model translates volumes", hint="Files for other programs hold models of pictures.")
    module = Translation(model, half=dtype == "fp16").eval()
    inputs, stride = _example(model, has_noise=module.dropout_layers > 0), model.method.geometry.common_stride
    return ExportGraph(
        module=module,
        inputs=inputs,
        outputs=OUTPUTS,
        stride=stride,
        program=functools.cache(functools.partial(_program, module, inputs, stride)),
        metadata={**_metadata(model, stride=stride, has_noise="seed" in inputs, dtype=dtype), **(about or {})},
        dtype=dtype,
    )


def _example(model: Model, *, has_noise: bool) -> dict[str, Tensor]:
    stride, spec = model.method.geometry.common_stride, model.data_spec.source
    # At least twice the stride: of one multiple torch would conclude that the innermost map always has one pixel.
    side = stride * max(2, -(-LEAST // stride))
    picture = torch.zeros(2, side, side, stored_channels(spec)).to(stored_dtype(spec))
    return {"picture": picture, **({"seed": torch.zeros(2, dtype=torch.int32)} if has_noise else {})}


def _program(module: nn.Module, inputs: Mapping[str, Tensor], stride: int) -> torch.export.ExportedProgram:
    """The module by torch.export, for any batch and all multiples of the stride."""
    batch, height, width = (torch.export.Dim(name, min=1) for name in ("batch", "h", "w"))
    axes = {0: batch, 1: stride * height, 2: stride * width} if stride > 1 else {0: batch, 1: height, 2: width}
    shapes: dict[str, Any] = {"picture": axes, "seed": {0: batch}}
    # mypy does not see what torch adds to this module.
    settings: Any = export_config
    # Else sizes of one multiple, a batch of one and broadcasting would become conditions of the program.
    with settings.patch(backed_size_oblivious=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations
        try:
            return torch.export.export(
                module, (), dict(inputs), dynamic_shapes={name: shapes[name] for name in inputs}, strict=False
            )
        except RuntimeError as error:  # what torch raises for everything that it cannot follow
            sizes = f"all multiples of {stride}" if stride > 1 else "all sizes"
            raise ConfigError(
                f"torch.export cannot follow the model's networks for {sizes}: {str(error).strip().splitlines()[0]}",
                hint="Such a model stays in imtrans: imtrans translate, or imtrans.load in Python.",
            ) from error


def _metadata(model: Model, *, stride: int, has_noise: bool, dtype: str) -> dict[str, Any]:
    config, spec = model.config, model.data_spec
    return {
        "format": FORMAT,
        "version": imtrans.__version__,
        "recipe": config.recipe,
        "run": None,
        "step": None,
        "licence": None,
        "stride": stride,
        "size": [config.data.size[0], config.data.size[-1]],
        "noise": has_noise,
        "policy": {} if config.inference is None else {k: to_plain(v) for k, v in values(config.inference).items()},
        "dtype": dtype,
        "source": {**_side(spec.source), "input": _stored(spec.source)},
        "target": {**_side(spec.target), "output": _stored(spec.target)},
    }


def _side(spec: ImageSpec) -> dict[str, Any]:
    kept = ("kind", "channels", "low", "high", "bits", "classes", "palette", "values", "void", "clips", "space")
    fields: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(spec)))
    return {name: fields[name] for name in kept}


def _stored(spec: ImageSpec) -> dict[str, Any]:
    return {"dtype": str(stored_dtype(spec)).removeprefix("torch."), "channels": stored_channels(spec)}
