"""imtrans data check"""

import json
import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, configured
from imtrans.cli.shared.progress import progress
from imtrans.errors import DataError, printable

if TYPE_CHECKING:
    from imtrans.config.schema import RunConfig
    from imtrans.engine.data.pair_loader import PairLoader
    from imtrans.engine.validation.validate import CheckReport, LocatedIssue
    from imtrans.interfaces import Split

MOST, WIDE = 20, 80
TITLES = {
    "missing": "Files that are not there",
    "empty": "Empty files",
    "not-a-picture": "Files that are no pictures",
    "too-large": "Pictures that are too large",
    "broken": "Pictures that cannot be decoded",
    "shape": "Sizes or channels that do not fit",
    "values": "Values that do not fit",
    "no-partner": "Pictures without a partner",
    "same-name": "Pictures of one name",
    "swapped": "Pairs the other way round than most",
    "colours": "Colours that are no label's",
    "duplicate": "Pairs that are there more than once",
    "overlap": "Pictures of other splits that are trained on",
    "constant": "Pictures of one colour",
    "odd-mode": "Pictures stored otherwise than most",
    "turned": "Pairs of which one side is turned by EXIF",
    "jpeg-labels": "Labels kept with loss",
    "direction": "Direction",
}


@click.command("check")
@click.argument("dataset", metavar="NAME|PATH")
@click.option(
    "--data-root", metavar="DIR", help="Folder that holds the named data sets, or the photos of a pair maker."
)
@click.option("--recipe", default="pix2pix", help="Recipe for whose sizes and direction it is checked.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set any configuration key.")
@click.option("--json", "as_json", is_flag=True, help="Print everything for machines.")
@click.pass_obj
def command(
    session: Session, dataset: str, data_root: str | None, recipe: str, settings: tuple[str, ...], as_json: bool
) -> None:
    """Decode every picture of data set NAME, or of a folder or table of pairs, and tell what is wrong with which.

    What was found of files that have not changed since is remembered. Exit code 3 where there are faults.
    """
    flags = ConfigFlags(dataset=dataset, data_root=data_root, settings=settings, skip_invalid=True)
    config = configured(session.catalog, recipe, flags)
    loadings = _loadings(session, config)
    from imtrans.engine.validation.validate import check_dataset

    with progress("examining") as tick:
        found = check_dataset(loadings, tick=tick)
    click.echo(_as_json(dataset, found) if as_json else "\n".join(_lines(dataset, found)))
    if found.faults:
        samples = f"{_samples(found):,} of {sum(found.counts.values()):,} samples"
        raise DataError(
            f"{dataset}: {samples} cannot be used",
            hint="Mend them, or train without: imtrans run ... --skip-invalid",
        )


def _loadings(session: Session, config: "RunConfig") -> "Mapping[Split, PairLoader]":
    """The splits that there are; of those that are the same files the first."""
    from imtrans.engine import build
    from imtrans.engine.build import ComponentFactory
    from imtrans.engine.data.pair_loader import open_split
    from imtrans.interfaces import Split

    augment = build.augmentations(config, ComponentFactory(session.catalog))
    found: dict[Split, PairLoader] = {"train": open_split(config, "train", augment=augment)}
    seen = [_files(found["train"])]
    for split in get_args(Split)[1:]:
        try:
            loading = open_split(config, split)
        except DataError as error:
            click.echo(f"Note: no {split} pairs: {error.what}", err=True)
            continue
        if _files(loading) not in seen or not any(_files(loading)):
            found[split] = loading
            seen.append(_files(loading))
    return found


def _files(loading: "PairLoader") -> list[Sequence[Path]]:
    dataset = loading.source.dataset
    return [tuple(dataset.files(i)) for i in range(len(dataset))]


def _samples(found: "CheckReport") -> int:
    return sum(len(found.left_out(split)) for split in found.counts)


def _lines(name: str, found: "CheckReport") -> Iterator[str]:
    counts = ", ".join(f"{count:,} {split}" for split, count in found.counts.items())
    known = sum(found.counts.values()) - found.read
    yield f"{printable(name)}: {counts}" + (f" ({found.read:,} examined now, {known:,} known)" if known > 0 else "")
    for is_fault, word in ((True, "fault"), (False, "warning")):
        told = [t for t in found.issues if t.issue.is_fault == is_fault]
        yield ""
        yield f"{len(told):,} {word}{'s' * (len(told) != 1)}" if told else f"No {word}s."
        for code in dict.fromkeys(t.issue.code for t in told):
            yield from _kind(code, [t for t in told if t.issue.code == code])
    if found.notes:
        yield ""
        yield from (_wrapped(f"Note: {printable(note)}", "") for note in found.notes)


def _kind(code: str, told: "Sequence[LocatedIssue]") -> Iterator[str]:
    yield ""
    yield f"{TITLES.get(code, code.replace('-', ' ').capitalize())} ({len(told):,})"
    for one in told[:MOST]:
        whose = f"{one.split}: " if one.sample is None and one.split else ""
        yield _wrapped(whose + _short(one.issue.what), "  ")
    if len(told) > MOST:
        yield f"  and {len(told) - MOST:,} more (all of them: --json)"
    for hint in list(dict.fromkeys(t.issue.hint for t in told if t.issue.hint))[:3]:
        yield _wrapped(f"-> {hint}", "  ")


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text,
        WIDE,
        initial_indent=indent,
        subsequent_indent=f"{indent}   ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _short(text: str) -> str:
    """Without the folder that one stands in."""
    return printable(text).replace(f"{os.getcwd()}{os.sep}", "").replace("\n", " ")


def _as_json(name: str, found: "CheckReport") -> str:
    issues = [_tree(told) for told in found.issues]
    told: dict[str, Any] = {
        "dataset": name,
        "counts": dict(found.counts),
        "examined": found.read,
        "unusable": _samples(found),
        "faults": sum(f["is_fault"] for f in issues),
        "warnings": sum(not f["is_fault"] for f in issues),
        "issues": issues,
        "notes": list(found.notes),
    }
    return json.dumps(told, indent=1)


def _tree(told: "LocatedIssue") -> dict[str, Any]:
    issue = told.issue
    return {
        "split": told.split,
        "sample": told.sample,
        "code": issue.code,
        "is_fault": issue.is_fault,
        "what": issue.what,
        "hint": issue.hint,
        "files": [str(f) for f in issue.files],
    }
