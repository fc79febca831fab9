"""Import of timm and torchvision; all modules import them through here."""

import importlib
import sys
from types import ModuleType
from typing import Any

import torch

# Referenced for the life of the process: the schemas are deleted with the library object.
_schemas: list[Any] = []


def optional_vision(name: str) -> ModuleType:
    """timm, torchvision or a module of theirs, also if torchvision was built for another torch.

    A CPU torch with PyPI's CUDA torchvision fails with "operator torchvision::nms does not exist" (pytorch #122494).
    Declaring the missing operators makes everything but `torchvision.io` and `ops.nms` work. This is done only after
    the failure: with an intact torchvision it would abort the process. Remove it once torchvision can be imported
    without its compiled part.
    """
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::" not in str(error) or _schemas:
            raise
    _declare_operators()
    # Half-imported modules would be returned as they are.
    for loaded in [m for m in sys.modules if m.split(".")[0] in ("torchvision", "timm")]:
        del sys.modules[loaded]
    return importlib.import_module(name)


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _schemas.append(library)
