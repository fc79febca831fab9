"""The names in a state dict."""

from collections.abc import Mapping

from torch import Tensor

COMPILED, PARALLEL = "_orig_mod", "module."  # of torch.compile, anywhere; of DataParallel and its relatives, in front


def without_wrappers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights as a network alone names them, also where they were saved compiled or from several devices.

    Unchanged where two weights would get one name.
    """
    names = {name: ".".join(part for part in name.split(".") if part != COMPILED) for name in weights}
    while names and all(name.startswith(PARALLEL) for name in names.values()):
        names = {name: plain.removeprefix(PARALLEL) for name, plain in names.items()}
    return {names[name]: v for name, v in weights.items()} if len(set(names.values())) == len(names) else {**weights}
