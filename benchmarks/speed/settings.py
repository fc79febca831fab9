"""The settings of our runs that the plain programs have, too."""

from pathlib import Path

from imtrans import ComponentRef
from imtrans.config.resolve import resolve
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Assignment, Layer
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.options import CliText

# What a long run does now and then would come at each fourth step of a short one.
NEVER = "1000000 steps"


def depth_of(size: int) -> int:
    """The stages of the generator: as many as the size allows, up to the paper's eight."""
    return min(8, size.bit_length() - 1)


def settings(*, size: int, batch: int, steps: int, precision: str) -> dict[str, str]:
    """The keys of a run that trains as `plain_training` does."""
    return {
        "data.size": str(size),
        "data.batch_size": str(batch),
        "data.interpolation": "bicubic",
        "generator.depth": str(depth_of(size)),
        "train.steps": str(steps),
        "train.precision": precision,
        "train.sample_every": NEVER,
        "train.evaluate_every": NEVER,
        "train.num_samples": "1",
    }


def command(folder: Path, given: dict[str, str], *, name: str) -> list[str]:
    """`imtrans run`, as a process is given it."""
    keys = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    return ["imtrans", "run", "pix2pix", "--dataset", str(folder), "--name", name, *keys]


def run_config(catalog: Catalog, folder: Path, **given: object) -> RunConfig:
    """The same as a configuration."""
    keys = [Assignment(tuple(k.split(".")), CliText(v), k) for k, v in settings(**given).items()]
    dataset = ComponentRef("folder", {"path": str(folder)})
    return resolve(catalog, "pix2pix", dataset=dataset, layers=[Layer("benchmark", keys)])
