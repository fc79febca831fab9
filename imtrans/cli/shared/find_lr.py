"""imtrans run --find-lr: a short training at rising rates, its curve, and a learning rate to try."""

import csv
import io
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli.session import Session
from imtrans.cli.shared import torchrun
from imtrans.cli.shared.progress import progress
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Assignment, Layer
from imtrans.errors import ConfigError, join_names

if TYPE_CHECKING:
    from imtrans.engine.tuning.lr_range_test import LRRangeTest

FOLDER = Path("find-lr")  # beside runs/: what lies in it is no run


def find_lr(session: Session, config: RunConfig, *, name: str | None, steps: int | None, as_json: bool) -> None:
    """Try rising learning rates, and print which one to take; the curve is in find-lr/NAME.png and NAME.csv.

    `steps` is the length of the test, by default 150.
    """
    from imtrans.engine import device
    from imtrans.engine.runs.run_dir import check_name
    from imtrans.engine.runs.run_name import run_name

    if torchrun.is_launched():
        raise ConfigError("--find-lr: one process finds it", hint="Leave --devices and torchrun out.")
    device.tune_malloc()
    stem = check_name(name) if name else run_name(config)
    result = _tested(session, config, steps=steps)
    picture = _write(stem, result)
    if as_json:
        click.echo(json.dumps(_record(config, result, picture), indent=1))
    else:
        click.echo("\n".join(_lines(config, result, picture)))


def _tested(session: Session, config: RunConfig, *, steps: int | None) -> "LRRangeTest":
    from imtrans.config.resolve import restore
    from imtrans.engine.runs import run_dir
    from imtrans.engine.training import setup
    from imtrans.engine.tuning import lr_range_test

    values = {"steps": steps or lr_range_test.STEPS, "epochs": None, "schedule": "constant", "warmup": 0, "ema": 0.0}
    fixed = [Assignment(("train", key), value, "--find-lr") for key, value in values.items()]
    short = restore(session.catalog, config.tree(), origin="the run", layers=[Layer("--find-lr", fixed)])
    with tempfile.TemporaryDirectory() as top:  # what a run leaves behind is of no use here
        folder = Path(top) / "run"
        job = setup.setup_training(
            short, catalog=session.catalog, plugins=session.plugins, folder=folder, start=None, is_quiet=True
        )
        try:
            with progress("learning rates") as tick:
                return lr_range_test.lr_range_test(job, tick=tick)
        finally:
            run_dir.unlock(folder)


def _write(stem: str, result: "LRRangeTest") -> Path:
    """The curve as a picture, whose path is returned, and as a table."""
    from imtrans import atomic_io
    from imtrans.kit.report.html_report import Chart, Series
    from imtrans.kit.report.plots import plots, stacked

    FOLDER.mkdir(exist_ok=True)
    powers = [math.log10(rate) for rate in result.rates]
    lines = {"loss": result.losses, "smoothed": [float(v) for v in result.smooth] if result.losses else []}
    series = [Series(name=n, points=[*zip(powers, values, strict=True)]) for n, values in lines.items()]
    if result.suggestion:
        at = min(range(len(powers)), key=lambda i: abs(result.rates[i] - (result.suggestion or 0)))
        series.append(Series(name=f"{result.suggestion:.1e}", points=[(powers[at], lines["smoothed"][at])]))
    title = " + ".join(result.terms) or "no loss"
    chart = Chart(group="losses", title=title, axis="loss", series=series, over="power of ten of the learning rate")
    picture = FOLDER / f"{stem}.png"
    stacked(plots([chart]), [], heads=[]).save(picture)
    out = io.StringIO()
    rows: Any = csv.writer(out, lineterminator="\n")
    rows.writerow(["learning_rate", "loss", "smoothed"])
    rows.writerows([f"{v:.6g}" for v in row] for row in zip(result.rates, *lines.values(), strict=True))
    atomic_io.replace_text(picture.with_suffix(".csv"), out.getvalue())
    return picture


def _lines(config: RunConfig, result: "LRRangeTest", picture: Path) -> Iterator[str]:
    yield (
        f"{len(result.rates)} steps at learning rates from {result.rates[0]:.1e} to {result.rates[-1]:.1e}"
        if result.rates
        else "No step had a loss that tells whether the model learns"
    )
    if result.suggestion is None:
        yield f"No suggestion: {_reason(result)}"
    else:
        yield f"{join_names(result.terms)} fell most steeply at {result.suggestion:.1e}"
        yield f"Try it: imtrans run {config.recipe} {_flags(config, result.suggestion)}"
        if len({*_rates(config).values()}) > 1:
            yield "The rates of all optimisers rose together, in the proportion that they have to each other."
    yield f"Curve:  {picture}"


def _reason(result: "LRRangeTest") -> str:
    if not result.terms:
        return "the method logs none but adversarial losses, which do not fall when it learns"
    return f"{join_names(result.terms)} did not fall by more than its noise; a larger batch makes it less"


def _flags(config: RunConfig, rate: float) -> str:
    """What sets the learning rates so that the first optimiser has this one."""
    rates = _rates(config)
    first = next(iter(rates.values()))
    if len({*rates.values()}) == 1:
        return f"--lr {rate:g}"
    return " ".join(f"--set train.optimizer.{name}.lr={rate * own / first:.2g}" for name, own in rates.items())


def _rates(config: RunConfig) -> dict[str, float]:
    return {name: options.lr for name, options in config.optimizers.items()}


def _record(config: RunConfig, result: "LRRangeTest", picture: Path) -> dict[str, Any]:
    points: Sequence[tuple[float, float]] = [*zip(result.rates, result.losses, strict=True)]
    reason = {} if result.suggestion else {"reason": _reason(result)}
    return {
        "suggestion": result.suggestion,
        **reason,
        "flags": _flags(config, result.suggestion) if result.suggestion else None,
        "terms": list(result.terms),
        "points": [{"learning_rate": rate, "loss": loss} for rate, loss in points],
        "picture": str(picture),
        "table": str(picture.with_suffix(".csv")),
    }
