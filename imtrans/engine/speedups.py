"""Which speedups a run uses, on the device that it has."""

import torch

from imtrans.config.speedups import precision_for, speedups_for
from imtrans.engine import device as devices
from imtrans.plugins.recipe import TrainOptions


def speedups(options: TrainOptions, device: torch.device) -> list[str]:
    """Those of `train.speedups` that do something for a run on this device."""
    lacking = {"small-maps": not has_bf16(device), "kept-memory": not devices.is_memory_kept()}
    return [name for name in speedups_for(options, device.type) if not lacking.get(name)]


def precision(options: TrainOptions, device: torch.device) -> str:
    """What the networks compute in: for "auto" bfloat16 where the device has it, and it was seen to train as well."""
    is_emulated = options.precision == "auto" and not has_bf16(device)
    return "float32" if is_emulated else precision_for(options, device.type)


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 by itself; where that is emulated it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    instructions = (torch.cpu._is_avx512_bf16_supported, torch.cpu._is_amx_tile_supported)
    return device.type == "cpu" and any(bool(are_there()) for are_there in instructions)
