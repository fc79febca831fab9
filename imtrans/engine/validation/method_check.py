"""A method, before the first step: that it translates a picture, and can be saved."""

from typing import Any

from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.checkpoints.serialization import pack
from imtrans.engine.checkpoints.state import preserve_rng
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.device import is_shortage
from imtrans.engine.evaluation.model_samples import batches
from imtrans.engine.inference.forward import inference_mode, pad, translate_padded
from imtrans.interfaces import Batch
from imtrans.kit.method_parts import method_error


def check_translation(model: Model, loading: PairLoader) -> None:
    """PluginError where the method cannot translate the first picture as validation will, or cannot be saved."""
    name = model.config.method.name
    pack(dict(model.method.state_dict()), f"method {name}")
    with preserve_rng(model.device):
        try:
            batch = next(batches(model, loading, [0]))
            with inference_mode(model, seed=0):
                given = translate_padded(model, batch.source, extras=batch.extras)
        except Exception as error:
            if is_shortage(error):  # training says it, with a batch size that fits
                return
            raise
    _check_output(given, batch, model, name)


def _check_output(given: Any, batch: Batch, model: Model, name: str) -> None:
    if not isinstance(given, Tensor):
        raise method_error(name, f"translate gave {type(given).__name__}, not a tensor")
    taken = pad(batch.source, model.method.geometry.strides(batch.source.dim() - 2)).shape
    shape = (1, model.data_spec.target.num_channels, *taken[2:])
    if tuple(given.shape) != shape:
        raise method_error(name, f"translate made {tuple(given.shape)} of {tuple(taken)}, not {shape}")
    if not given.is_floating_point() or given.dtype.itemsize > batch.source.dtype.itemsize:
        raise method_error(name, f"translate gave {given.dtype}, not {batch.source.dtype}")
