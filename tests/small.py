"""Small runs for tests: pix2pix at 32 px, width 4, three halvings."""

from pathlib import Path

from imtrans.catalog import Catalog
from imtrans.component import Use
from imtrans.config import RunConfig
from imtrans.engine import assemble, loop
from imtrans.layers import Assignment, Layer
from imtrans.options import Raw
from imtrans.plugins import Plugins, Selection, discover
from imtrans.resolve import resolve

SMALL = {
    "generator.depth": "3",
    "generator.width": "4",
    "discriminator.layers": "1",
    "discriminator.width": "4",
    "data.size": "32",
    "data.batch_size": "2",
    "dataset.pairs": "8",
    "train.steps": "5",
    "train.samples": "2",
}


def plugins() -> Plugins:
    return discover(Selection(others=False))


def config(settings: dict[str, str] | None = None, *, recipe: str = "pix2pix", dataset: Use | None = None) -> RunConfig:
    """The small configuration with some keys set otherwise; a value of "" leaves the key out."""
    given = {k: v for k, v in {**SMALL, **(settings or {})}.items() if v != ""}
    if dataset:
        given.pop("dataset.pairs", None)
    keys = [Assignment(tuple(k.split(".")), Raw(v), f"--set {k}") for k, v in given.items()]
    return resolve(Catalog(plugins().records), recipe, dataset=dataset, layers=[Layer("test", keys)])


def job(folder: Path, settings: dict[str, str] | None = None, *, dataset: Use | None = None) -> loop.Job:
    found = plugins()
    chosen = config(settings, dataset=dataset)
    return assemble.assemble(chosen, catalog=Catalog(found.records), plugins=found, folder=folder, is_quiet=True)
