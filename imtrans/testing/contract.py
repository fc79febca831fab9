"""What all checks share: the error, the component by its name, and a batch."""

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import DataSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef, Kind
from imtrans.plugins.discovery import Selection, discover

if TYPE_CHECKING:
    from imtrans.interfaces import Batch


_CATALOG: ContextVar[Catalog | None] = ContextVar("catalog", default=None)


class ContractError(AssertionError):
    """A component does not keep the contract of its kind; raised also under `python -O`, which removes assert."""


def require(condition: Any, message: str) -> None:
    """Raise ContractError with the message unless the condition holds."""
    if not condition:
        raise ContractError(message)


@contextlib.contextmanager
def plugin_file(*files: Path | str) -> Iterator[Catalog]:
    """A block in which the checks know what plugins of one file each provide, as with `imtrans -p FILE.py`.

    PluginError for a file that cannot be loaded.
    """
    with known_catalog(Catalog(discover(Selection.from_environment(files=map(str, files))).records)) as known:
        yield known


@contextlib.contextmanager
def known_catalog(catalog: Catalog) -> Iterator[Catalog]:
    """A block in which the checks take components from this catalog."""
    token = _CATALOG.set(catalog)
    try:
        yield catalog
    finally:
        _CATALOG.reset(token)


def known() -> Catalog:
    """What the checks take components from: the catalog of the block, else every installed plugin's."""
    return _CATALOG.get() or Catalog(discover().records)


def make(
    kind: Kind, name: str, *, data_spec: DataSpec | None = None, size: Sequence[int] = (64,), **options: Any
) -> Any:
    """The component of this name, built as a run would build it."""
    from imtrans.engine.build import ComponentFactory

    return ComponentFactory(known()).make(
        kind, ComponentRef(name, options), data_spec=data_spec or DataSpec(), size=size
    )


def batch_of_noise(*, size: int, channels: int = 3) -> "Batch":
    """Two pairs of noise, (2, channels, size, size) in [-1, 1], with draws of their own."""
    import torch

    from imtrans.interfaces import Batch

    source, target = (torch.rand(2, channels, size, size) * 2 - 1 for _ in range(2))
    return Batch(source=source, target=target, keys=["a", "b"], draws=torch.tensor([1, 2**40]))
