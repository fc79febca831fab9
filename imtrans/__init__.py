"""Image-to-image translation: the names that plugin authors and users import. All of them are lazy."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imtrans.api import Run as Run
    from imtrans.api import evaluate as evaluate
    from imtrans.api import load as load
    from imtrans.api import train as train
    from imtrans.api import translate_film as translate_film
    from imtrans.plugins.api_version import API_VERSION as API_VERSION
    from imtrans.plugins.component import Archive as Archive
    from imtrans.plugins.component import Component as Component
    from imtrans.plugins.component import DatasetInfo as DatasetInfo
    from imtrans.plugins.component import ExporterInfo as ExporterInfo
    from imtrans.plugins.component import FormatInfo as FormatInfo
    from imtrans.plugins.component import MethodInfo as MethodInfo
    from imtrans.plugins.component import MetricInfo as MetricInfo
    from imtrans.plugins.component import NetworkInfo as NetworkInfo
    from imtrans.plugins.component import Slot as Slot
    from imtrans.plugins.hookspecs import hookimpl as hookimpl
    from imtrans.plugins.options import option as option
    from imtrans.plugins.recipe import ComponentRef as ComponentRef
    from imtrans.plugins.recipe import EvalProtocol as EvalProtocol
    from imtrans.plugins.recipe import InferenceOptions as InferenceOptions
    from imtrans.plugins.recipe import Recipe as Recipe
    from imtrans.plugins.recipe import WeightedRef as WeightedRef

# A declaration imports `imtrans`: eager names would make `imtrans list` load torch.
_HOMES = {
    "imtrans.plugins.component": (
        "Archive",
        "Component",
        "DatasetInfo",
        "ExporterInfo",
        "FormatInfo",
        "MethodInfo",
        "MetricInfo",
        "NetworkInfo",
        "Slot",
    ),
    "imtrans.plugins.recipe": ("EvalProtocol", "InferenceOptions", "Recipe", "WeightedRef", "ComponentRef"),
    "imtrans.plugins.api_version": ("API_VERSION",),
    "imtrans.plugins.options": ("option",),
    "imtrans.plugins.hookspecs": ("hookimpl",),
    "imtrans.api": ("Run", "evaluate", "load", "train", "translate_film"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [*_MODULE_OF]


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])  # what a notebook completes


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("imtrans")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'imtrans' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
