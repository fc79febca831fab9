"""The one way to timm and torchvision."""

import importlib
import sys
from types import ModuleType
from typing import Any

import torch

# Kept for the life of the process: the schemas vanish with the library object.
_schemas: list[Any] = []


def optional_vision(name: str) -> ModuleType:
    """timm, torchvision or a module of theirs, also where torchvision was built for another torch.

    A CPU torch beside the registry's CUDA torchvision fails with "operator torchvision::nms does not exist" (pytorch
    #122494). Declaring the operators that it misses lets everything but `torchvision.io` and `ops.nms` work. That is
    done only after the failure: beside a healthy torchvision it would abort the process. It can go once torchvision
    imports without its compiled part.
    """
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::" not in str(error) or _schemas:
            raise
    _declare_operators()
    for loaded in [m for m in sys.modules if m.split(".")[0] in ("torchvision", "timm")]:
        del sys.modules[loaded]
    return importlib.import_module(name)


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _schemas.append(library)
