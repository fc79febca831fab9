"""An encoder with its pretrained weights: from a Python package, or by timm's own download."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from imtrans.errors import ConfigError, DownloadError, ImtransError
from imtrans.kit.features.efficientnet import NAME, Lite0
from imtrans.kit.pretrained import forked_rng
from imtrans.kit.torchvision_compat import optional_vision
from imtrans.net.hub_errors import hub_errors, hub_library
from imtrans_timm.creation import Settings, create, pretrained_config

OFFLINE = f"encoder={NAME} has its weights in a package (extra features); pretrained=false does without any."


def pretrained(name: str, settings: Settings, *, weights: str, user: str) -> Any:
    """The model with its pretrained weights; `weights` is one of the values of that option.

    ConfigError where there are none, NotInstalledError without the package, DownloadError where they cannot be fetched.
    """
    if weights == "package" and name != NAME:
        what = f"{user}: weights=package has those of {NAME} alone, not of {name}"
        raise ConfigError(what, hint=f"Use weights=timm, or encoder={NAME}.")
    with forked_rng():
        if name == NAME and weights != "timm":
            return _from_package(settings, user=user)
        return _from_timm(name, settings, user=user)


def _from_package(settings: Settings, *, user: str) -> Any:
    network = create(NAME, settings)
    tensors = Lite0(user, extra="features").network.state_dict()
    first = "conv_stem.weight"
    # Summed over the colours for one channel, repeated for others, as timm does it.
    tensors[first] = optional_vision("timm.models").adapt_input_conv(settings["in_chans"], tensors[first])
    known: dict[str, Tensor] = network.state_dict()
    network.load_state_dict({k: tensors[k] for k in known})
    return network


def _from_timm(name: str, settings: Settings, *, user: str) -> Any:
    config = pretrained_config(name, user=user)
    if not config.has_weights:
        raise ConfigError(f"{user}: timm has no pretrained weights for {name!r}", hint="Use pretrained=false.")
    with _named(name, user=user):
        _check_connection(config)
        return create(name, settings, pretrained=True)


def _check_connection(config: Any) -> None:
    """One quick question to the Hub, where the file is not in its cache: timm's own tries take a minute to fail."""
    library = hub_library()
    names = ("model.safetensors", "pytorch_model.bin")
    cached = (library.try_to_load_from_cache(config.hf_hub_id, name) for name in names if config.hf_hub_id)
    if config.hf_hub_id and not any(isinstance(path, str) for path in cached):
        library.utils.get_session().head(library.hf_hub_url(config.hf_hub_id, names[0]), timeout=10)


@contextlib.contextmanager
def _named(name: str, *, user: str) -> Iterator[None]:
    """Errors of a download, as errors that name the encoder and say what to do without a network."""
    try:
        with hub_errors(f"the weights of {name}", name):
            yield
    except ImtransError as error:
        what = f"{user}: the weights of encoder {name!r} cannot be fetched: {error.what}"
        raise DownloadError(what, hint=f"Try again with a connection. {OFFLINE}") from None
