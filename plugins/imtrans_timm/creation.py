"""Making a model of timm that gives feature maps; what it does not take is said in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from imtrans.errors import ConfigError, ImtransError, nearest
from imtrans.kit.torchvision_compat import optional_vision

FIND = "All of them: python -c \"import timm; print(*timm.list_models(), sep='\\n')\""
MAPS = 4  # as many are taken of an encoder whose maps are all of one size
Settings = Mapping[str, Any]


def pretrained_config(name: str, *, user: str) -> Any:
    """What timm knows of a model and its weights. ConfigError, with the nearest name, for one that it does not have."""
    timm = optional_vision("timm")
    model, _, tag = name.partition(".")
    if not timm.is_model(model):
        raise ConfigError(f"{user}: timm has no model {model!r}{nearest(model, timm.list_models())}", hint=FIND)
    tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{model}.*")]
    if tag and tag not in tags:
        known = f"; there are {', '.join(tags)}" if tags else ""
        what = f"{user}: encoder {model!r} has no weights {tag!r}{nearest(tag, tags) or known}"
        raise ConfigError(what, hint=f"Without a tag, encoder={model}, it has its usual weights.")
    return timm.get_pretrained_cfg(name)


def create(name: str, settings: Settings, *, pretrained: bool = False) -> Any:
    """The model as timm makes it, for feature maps; with `pretrained` timm reads or downloads its weights."""
    return optional_vision("timm").create_model(name, features_only=True, pretrained=pretrained, **settings)


def create_for(
    name: str, *, channels: int, size: Sequence[int], user: str, make: Callable[[Settings], Any]
) -> tuple[Any, tuple[int, ...]]:
    """What `make` gives of the arguments with which the model takes pictures of this height and width, and that size
    as a multiple of its stride.

    ConfigError names encoder and size where there are no such arguments.
    """
    config, fault = pretrained_config(name, user=user), ""
    for settings in _candidates(name, size, is_fixed=bool(config.fixed_input_size)):
        try:
            network = _of_all_depths({"in_chans": channels, **settings}, make)
            whole = padded(network, size)
            with torch.no_grad():
                run(network, torch.zeros(1, channels, *whole))
        except ImtransError:
            raise
        except Exception as error:  # noqa: BLE001 - hundreds of models, each with its own way to refuse
            fault = reason(error)
        else:
            return network, whole
    own = config.input_size[-1]
    raise ConfigError(
        f"{user}: encoder {name!r} does not take {size[0]} x {size[1]} pixels ({fault})",
        hint=f"Its own size is {own}: try --set data.size={-(-own // 32) * 32}. Convolutions (resnet18) take any.",
    )


def run(network: Any, pictures: Tensor) -> list[Tensor]:
    """The feature maps of pictures, with fixed statistics; the model is in the mode for training afterwards."""
    try:
        return list(network.eval()(pictures))
    finally:
        network.train()  # which empties the caches that some models fill otherwise


def names_behind(network: Any, count: int, *, channels: int, size: Sequence[int]) -> set[str]:
    """The names of the parameters on which the finest `count` maps depend."""
    named = {name: p for name, p in network.named_parameters() if p.requires_grad}
    device = next(iter(network.parameters())).device
    with torch.enable_grad():
        maps = run(network, torch.zeros(1, channels, *size, device=device))[:count]
        if not maps:
            return set()
        total = torch.stack([m.sum() for m in maps]).sum()
    gradients = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {name for name, gradient in zip(named, gradients, strict=True) if gradient is not None}


def stride_of(network: Any) -> int:
    """What a side must be a multiple of, so that every map is a whole fraction of it."""
    return int(max(network.feature_info.reduction()))


def padded(network: Any, size: Sequence[int]) -> tuple[int, ...]:
    """The next size that is a multiple of the stride."""
    stride = stride_of(network)
    return tuple(-(-n // stride) * stride for n in size)


def reason(error: Exception) -> str:
    """The first line of an error that timm or torch raised."""
    return (str(error).strip().splitlines() or [f"{type(error).__name__} in timm"])[0]


def _candidates(name: str, size: Sequence[int], *, is_fixed: bool) -> Iterator[Settings]:
    """How models are told of the size: in the way that leaves them any size, first."""
    if is_fixed:
        yield {"dynamic_img_size": True}
        with torch.device("meta"):
            whole = padded(create(name, {}), size)
        yield {"img_size": whole, "strict_img_size": False}
        yield {"img_size": whole}
    yield {}


def _of_all_depths(settings: Settings, make: Callable[[Settings], Any]) -> Any:
    """A model; of a transformer timm takes the last blocks, which differ little, and this maps of all its depths."""
    network = make(settings)
    info = network.feature_info
    depth = len(info.info)
    if len(set(info.reduction())) > 1 or depth <= MAPS:
        return network
    return make({**settings, "out_indices": tuple(depth * (i + 1) // MAPS - 1 for i in range(MAPS))})
