"""The command line of `imtrans translate`, and what it means."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.cli.model.stored_inputs import is_stored
from imtrans.cli.shared.command_config import ConfigFlags, layer
from imtrans.cli.shared.translation_plan import Existing, Part
from imtrans.errors import ConfigError, printable
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.options import CliText

if TYPE_CHECKING:
    from imtrans.engine.inference.acceleration import Precision
    from imtrans.engine.inference.large.footprint import TileLimits
    from imtrans.engine.inference.manifest import Manifest
    from imtrans.engine.inference.scale import SizeChange, SizeChoice
    from imtrans.engine.inference.source_reader import ReadOptions
    from imtrans.engine.inference.translator import Translator
    from imtrans.plugins.component import Direction
    from imtrans.plugins.discovery import Plugins

FORMAT = "format."  # how keys of --set begin that are options of a format of files
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True, kw_only=True)
class TranslateOptions:
    """The command line of `imtrans translate`."""

    run: str
    inputs: tuple[str, ...]
    output: str
    device: str
    direction: "Direction | None"
    seed: int
    samples: int
    uncertainty: bool
    continues: bool
    overwrite: bool
    suffix: str | None
    compare: bool
    grid: str | None
    source_range: str | None
    instances: str | None
    size: str
    tile: int
    memory: str | None
    whole: bool
    steady: float
    frames: int
    seconds: float
    settings: tuple[str, ...]
    offline: bool
    part: str | None = None
    manifest: str | None = None
    precision: "Precision" = "float32"
    is_fast: bool = False
    is_compiled: bool = False

    def opened(self, plugins: "Plugins") -> "Translator":
        """The model, with the inference policy of --set, in the direction of --direction, as fast as is asked for."""
        from imtrans.api import load
        from imtrans.engine.checkpoints.io import with_policy
        from imtrans.engine.inference.translator import Translator

        model = load(self.run, device=self.device, plugins=plugins, is_offline=self.offline).model
        policy = layer(ConfigFlags(settings=tuple(s for s in self.settings if not s.startswith(FORMAT))))
        model = with_policy(model, policy, catalog=Catalog(plugins.records))
        translator = Translator(model.towards(self.direction) if self.direction else model)
        if self.is_compiled:
            click.echo("Note: the networks are being compiled, for each size of picture anew (--compile)", err=True)
        translator.accelerated(self.precision, is_fast=self.is_fast, is_compiled=self.is_compiled)
        if self.precision == "bf16":
            click.echo("Note: the networks compute in bfloat16 (--precision bf16)", err=True)
        return translator

    @property
    def format_options(self) -> dict[str, CliText]:
        """What --set format.KEY=VALUE says of the format that reads the inputs."""
        given = [text.removeprefix(FORMAT).partition("=") for text in self.settings if text.startswith(FORMAT)]
        return {key: CliText(value) for key, _, value in given}

    @property
    def given_suffix(self) -> str:
        """That of --format, with its dot; empty without it."""
        return f".{self.suffix.lstrip('.').lower()}" if self.suffix else ""

    @property
    def existing(self) -> Existing:
        """What is done with outputs that exist. ConfigError for two answers."""
        if self.continues and self.overwrite:
            raise ConfigError("--continue and --overwrite: not both", hint="--continue keeps what exists.")
        return "continue" if self.continues else "overwrite" if self.overwrite else "refuse"

    @property
    def share(self) -> Part | None:
        """The part that this process translates: of --part, else of torchrun's environment. ConfigError for no part."""
        if self.part is None:
            rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
            return Part(rank + 1, count) if count > 1 else None
        match = re.fullmatch(r"(\d+)/(\d+)", self.part.strip())
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise ConfigError(f"--part {self.part!r}: must be I/N, I from 1 to N", hint="For example: --part 3/8")
        return Part(int(match[1]), int(match[2]))

    @property
    def record(self) -> "Manifest | None":
        """The record of what is done, where one is asked for or the inputs are many: parts, addresses, shards."""
        from imtrans.engine.inference.manifest import Manifest

        share = self.share
        if not (self.manifest or share or any(is_stored(text) for text in self.inputs)):
            return None
        name = f"manifest-{share.number}-of-{share.parts}.jsonl" if share else "manifest.jsonl"
        output = Path(self.output)
        path = Path(self.manifest) if self.manifest else (output.parent if output.suffix else output) / name
        return Manifest(path, continues=self.continues)

    @property
    def reading(self) -> "ReadOptions":
        """How sources are read."""
        from imtrans.engine.inference.scale import size_of
        from imtrans.engine.inference.source_reader import ReadOptions

        limits = _range(self.source_range) if self.source_range else None
        instances = Path(self.instances) if self.instances else None
        return ReadOptions(source_range=limits, is_whole=self.whole, size=size_of(self.size), instances=instances)

    @property
    def limits(self) -> "TileLimits":
        """What a source may take before it is tiled."""
        from imtrans.engine.inference.large.footprint import TileLimits

        return TileLimits(tile=self.tile, memory=_bytes(self.memory))


def size_notes(sizes: Sequence["SizeChange"], choice: "SizeChoice", *, kind: str = "pictures") -> Iterable[str]:
    """What is to be said of sources that were made smaller or larger than the model knows."""
    from imtrans.engine.inference.scale import TOLERANCE

    changed = [size for size in sizes if size.before != size.after]
    if changed and choice == "train":
        rest = f" ({len(changed)} {kind})" if len(changed) > 1 else ""
        yield f"Note: brought to the scale of training: {changed[0]}{rest}; --size native keeps their size"
    far = [s for s in sizes if max(s.magnification, 1 / s.magnification) > TOLERANCE]
    if far and choice != "train":
        times = far[0].magnification
        what = f"{times:.2g} times larger" if times > 1 else f"{1 / times:.2g} times smaller"
        advice = "without --size they are brought to the scale that the model knows"
        yield f"Warning: in {len(far)} of {len(sizes)} {kind} things are {what} than in training; {advice}"


def pair_notes(translator: "Translator", sizes: Sequence["SizeChange"]) -> Iterable[str]:
    """What is to be said of pictures that look like whole pairs."""
    if pairs := sum(size.is_half for size in sizes):
        half = translator.reader.source_half
        what = f"{pairs} of them look like the whole pairs that the model was trained on"
        yield f"Note: {what}: their {half} half was translated (--whole: as they are)"


def uncertainty_lines(means: Mapping[Path, float]) -> Iterator[str]:
    """How uncertain the pictures are, and which are most: those are to be looked at, and their like to be added."""
    if not means:
        return
    ranked = sorted(means.items(), key=lambda item: -item[1])
    most = ", ".join(f"{printable(path.name)} {100 * mean:.2g} %" for path, mean in ranked[:3])
    yield f"uncertainty: {100 * sum(means.values()) / len(means):.2g} % of the range in the mean; most: {most}"


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(number) for number in text.strip("[]").split(","))
    except ValueError:
        raise ConfigError(f"--source-range {text!r}: must be two numbers", hint="For example: 0,255") from None
    return low, high


def _bytes(text: str | None) -> int:
    if text is None:
        return 0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", text.strip().upper())
    if not match or float(match[1]) == 0:
        raise ConfigError(f"--memory {text!r}: is no amount of memory", hint="For example: 4GB or 800MB")
    return int(float(match[1]) * UNITS[match[2]])
