"""Small runs for tests: pix2pix at 32 px, width 4, three halvings."""

from pathlib import Path

import numpy as np
from PIL import Image

from imtrans.config.resolve import resolve
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Assignment, Layer
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints.resume import ResumePoint
from imtrans.engine.runs import run_dir
from imtrans.engine.training import setup
from imtrans.engine.training.job import TrainingJob
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.discovery import Plugins, Selection, discover
from imtrans.plugins.options import CliText

SMALL = {
    "generator.depth": "3",
    "generator.width": "4",
    "discriminator.layers": "1",
    "discriminator.width": "4",
    "data.size": "32",
    "data.batch_size": "2",
    "dataset.pairs": "8",
    "train.steps": "5",
    "train.num_samples": "2",
}

# For the command line: a run of two steps in a fraction of a second.
TINY = [
    "--steps",
    "2",
    "--set",
    "data.size=32",
    "--set",
    "generator.depth=3",
    "--set",
    "generator.width=2",
    "--set",
    "discriminator.width=2",
]
TINY += ["--device", "cpu", "--set", "metrics=l1", "--set", "train.num_samples=1"]


def plugins() -> Plugins:
    return discover(Selection(others=False))


def config(
    settings: dict[str, str] | None = None, *, recipe: str = "pix2pix", dataset: ComponentRef | None = None
) -> RunConfig:
    """The small configuration with some keys set otherwise; a value of "" leaves the key out."""
    given = {k: v for k, v in {**SMALL, **(settings or {})}.items() if v != ""}
    if dataset:
        given.pop("dataset.pairs", None)
    keys = [Assignment(tuple(k.split(".")), CliText(v), f"--set {k}") for k, v in given.items()]
    return resolve(Catalog(plugins().records), recipe, dataset=dataset, layers=[Layer("test", keys)])


def fitting(recipe: str) -> dict[str, str]:
    """What a built-in recipe wants otherwise than pix2pix, to be so small."""
    blocks = {
        "pix2pix-mish3": {"generator.decoder_activation": '["mish", "relu"]'},
        "pencil2color": {"generator.dropout_blocks": "1"},
        "sketch2anime": {"data.size": "64"},  # its discriminator takes no less
        "label-scorer": {"generator.depth": ""},  # its network has none
        "pix2pixhd": {"generator.depth": "", "generator.downs": "2", "generator.blocks": "1"},
        **{
            name: {
                "generator.depth": "",
                "generator.blocks": "1",
                "backward_generator.blocks": "1",
                "backward_generator.width": "4",
                "backward_discriminator.width": "4",
            }
            for name in ("cyclegan", "cyclegan-small")
        },
        **{
            name: {"generator.depth": "", "generator.blocks": "2", "method.patches": "16", "patch_network.width": "8"}
            for name in ("cut", "fastcut", "cut-small")
        },
        "reggan": {"generator.depth": "", "generator.blocks": "1", "registration.width": "4"},
        "regression": {
            "generator.depth": "",
            "discriminator.width": "",
            "generator.encoder": "test_resnet",
            "generator.pretrained": "false",
            "reconstruction": "l1",
        },
    }
    return {"discriminator.layers": "", **blocks.get(recipe, {})}


def job(
    folder: Path,
    settings: dict[str, str] | None = None,
    *,
    dataset: ComponentRef | None = None,
    recipe: str = "pix2pix",
) -> TrainingJob:
    found = plugins()
    chosen = config(settings, dataset=dataset, recipe=recipe)
    return setup.setup_training(chosen, catalog=Catalog(found.records), plugins=found, folder=folder, is_quiet=True)


def pairs(folder: Path, *, train: int = 7, val: int = 2, size: int = 32) -> ComponentRef:
    """A folder of pairs, noise and its negative, side by side, and the data set that reads it: quicker than drawing."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        (folder / split).mkdir(parents=True)
        for index in range(count):
            half = random.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(np.hstack([half, 255 - half])).save(folder / split / f"{index}.png")
    return ComponentRef("folder", {"path": str(folder)})


def go_on(
    folder: Path,
    settings: dict[str, str] | None = None,
    *,
    dataset: ComponentRef | None = None,
    recipe: str = "pix2pix",
    **told: bool,
) -> TrainingJob:
    """The run in `folder`, to go on from its newest checkpoint."""
    found = plugins()
    run_dir.acquire(folder, is_new=False)
    return setup.setup_training(
        config(settings, dataset=dataset, recipe=recipe),
        catalog=Catalog(found.records),
        plugins=found,
        folder=folder,
        start=ResumePoint(checkpoint=checkpoint_paths.newest(folder), **told),
        is_quiet=True,
    )
