"""What all checks share: the error, the plugins, the component by its name, and a batch."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from imtrans.errors import ImtransError, NotInstalledError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef, Kind, NetworkInfo
from imtrans.plugins.discovery import Plugins, Selection, discover

if TYPE_CHECKING:
    from torch import Tensor

    from imtrans.interfaces import Batch

P = ParamSpec("P")
_FILES: ContextVar[Plugins | None] = ContextVar("imtrans_plugin_files", default=None)


class ContractError(AssertionError):
    """A component does not keep the contract of its kind; raised also under `python -O`, which removes assert."""


def require(condition: Any, message: str) -> None:
    """Raise ContractError with the message unless the condition holds."""
    if not condition:
        raise ContractError(message)


@contextlib.contextmanager
def within_contract(where: str = "", hint: str = "") -> Iterator[None]:
    """What a block raises as imtrans's error is a ContractError; a package that is not installed stays one."""
    try:
        yield
    except NotInstalledError:
        raise
    except ImtransError as error:
        raise ContractError("".join((f"{where}: " if where else "", error.what, f"\n{hint}" if hint else ""))) from None


@contextlib.contextmanager
def plugin_file(*paths: str | Path) -> Iterator[Plugins]:
    """A block in which checks also find what plugin files declare, as `imtrans -p FILE` does.

    PluginError for a file that cannot be loaded.
    """
    files = tuple(str(Path(path).resolve()) for path in paths)
    plugins = discover(replace(Selection.from_environment(), files=files))
    token = _FILES.set(plugins)
    try:
        yield plugins
    finally:
        _FILES.reset(token)
        for file in files:  # the next file may have the same name
            sys.modules.pop(Path(file).stem, None)


def check(function: Callable[P, None]) -> Callable[P, None]:
    """The function in a block of `plugin_file`, unless it is in one: plugins are discovered once."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        with plugin_file() if _FILES.get() is None else contextlib.nullcontext():
            function(*args, **kwargs)

    return call


def plugins() -> Plugins:
    """The installed plugins, and within `plugin_file` those of the files."""
    return _FILES.get() or discover()


def catalog() -> Catalog:
    """Everything that these plugins provide."""
    return Catalog(plugins().records)


def component(kind: Kind, name: str) -> Component:
    """What a plugin declares under this name."""
    return catalog().component(kind, name)


def axes_of(kind: Kind, name: str) -> int:
    """How many spatial axes the network of this name sees: 2, unless its `NetworkInfo` says otherwise."""
    info = component(kind, name).info
    return (info.axes if isinstance(info, NetworkInfo) else None) or 2


def flat_data(source: int, target: int) -> DataSpec:
    """Data of so many channels on either side."""
    sides = [ImageSpec(channels=n, kind="image" if n in (1, 3) else "data") for n in (source, target)]
    return DataSpec(source=sides[0], target=sides[1])


def make(
    kind: Kind, name: str, *, data_spec: DataSpec | None = None, size: Sequence[int] = (64,), **options: Any
) -> Any:
    """The component of this name, built as a run would build it."""
    from imtrans.engine.build import ComponentFactory

    return ComponentFactory(catalog()).make(
        kind, ComponentRef(name, options), data_spec=data_spec or DataSpec(), size=size
    )


def noise(*shape: int, seed: int = 0) -> "Tensor":
    """Numbers in [-1, 1], always the same."""
    import torch

    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def batch_of_noise(*, size: int, channels: int = 3, target_channels: int | None = None, count: int = 2) -> "Batch":
    """`count` pairs of noise, (count, channels, size, size) in [-1, 1], with draws of their own."""
    import torch

    from imtrans.interfaces import Batch

    sides = ((channels, 1), (target_channels or channels, 2))
    source, target = (noise(count, c, size, size, seed=seed) for c, seed in sides)
    draws = torch.arange(1, count + 1) ** 20
    return Batch(source=source, target=target, keys=[f"sample-{n}" for n in range(count)], draws=draws)
