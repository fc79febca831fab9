"""Image-to-image translation: what plugin authors and users import. All names are lazy."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imtrans.api import load as load
    from imtrans.component import Archive as Archive
    from imtrans.component import Component as Component
    from imtrans.component import DatasetInfo as DatasetInfo
    from imtrans.component import MethodInfo as MethodInfo
    from imtrans.component import MetricInfo as MetricInfo
    from imtrans.component import Slot as Slot
    from imtrans.hookspecs import hookimpl as hookimpl
    from imtrans.options import option as option
    from imtrans.recipe import EvalProtocol as EvalProtocol
    from imtrans.recipe import InferenceOptions as InferenceOptions
    from imtrans.recipe import Recipe as Recipe
    from imtrans.recipe import Term as Term
    from imtrans.recipe import Use as Use

_HOMES = {
    "imtrans.component": ("Archive", "Component", "DatasetInfo", "MethodInfo", "MetricInfo", "Slot"),
    "imtrans.recipe": ("EvalProtocol", "InferenceOptions", "Recipe", "Term", "Use"),
    "imtrans.options": ("option",),
    "imtrans.hookspecs": ("hookimpl",),
    "imtrans.api": ("load",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [*_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("imtrans")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'imtrans' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
