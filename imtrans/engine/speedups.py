"""What makes a run faster without making it another one, and which of it a run uses."""

import torch

from imtrans.engine import device as devices
from imtrans.plugins.recipe import TrainOptions


def is_asked(options: TrainOptions, name: str) -> bool:
    """Whether `train.speedups` has this one; "auto" stands for all."""
    return "auto" in options.speedups or name in options.speedups


def speedups(options: TrainOptions, device: torch.device) -> list[str]:
    """Those of `train.speedups` that do something for a run on this device."""
    is_cpu = device.type == "cpu"
    does_something = {
        "fused-adam": device.type in ("cpu", "cuda"),
        # It was measured, and seen to give the same bits each time, where bfloat16 is multiplied by itself.
        "small-maps": is_cpu and not options.compile and has_bf16(device),
        "kept-memory": is_cpu and devices.is_memory_kept(),
        "background-save": True,
    }
    return [name for name, is_of_use in does_something.items() if is_of_use and is_asked(options, name)]


# Kinds of device on which bf16 was seen to train as well as float32 (docs/speed.md): none yet. On the CPU its pictures
# are further from the true ones by their features.
BF16_CLEARED = frozenset[str]()


def precision(options: TrainOptions, device: torch.device) -> str:
    """What the networks compute in: for "auto" bfloat16 where the device has it, and it was seen to train as well."""
    if options.precision != "auto":
        return options.precision
    return "bf16" if device.type in BF16_CLEARED and has_bf16(device) else "float32"


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 by itself; where that is emulated it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    instructions = (torch.cpu._is_avx512_bf16_supported, torch.cpu._is_amx_tile_supported)
    return device.type == "cpu" and any(bool(are_there()) for are_there in instructions)
