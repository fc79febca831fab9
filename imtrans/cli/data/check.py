"""imtrans data check"""

import json
import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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

MAX_SHOWN, COLUMNS = 20, 80  # issues of one kind that are printed; of a terminal
# A code that is not here, as of a data set's own checks, is its own title.
TITLES = {
    "missing": "Files that are not there",
    "empty": "Empty files",
    "not-a-picture": "Files that are no pictures",
    "too-large": "Pictures that are too large",
    "broken": "Pictures that cannot be decoded",
    "shape": "Sizes or channels that do not fit",
    "values": "Values that do not fit",
    "not-read": "Partners of formats that are not read",
    "no-partner": "Pictures without a partner",
    "same-name": "Pictures of one name",
    "swapped": "Pairs the other way round than most",
    "colours": "Colours that are no label's",
    "duplicate": "Pairs that are there more than once",
    "overlap": "Pictures of other splits that are trained on",
    "near-overlap": "Pictures of other splits that look like one that is trained on",
    "constant": "Pictures of one colour",
    "odd-mode": "Pictures stored otherwise than most",
    "turned": "Pairs of which one side is turned by EXIF",
    "jpeg-labels": "Labels compressed with loss",
    "direction": "Direction",
    "no-evidence": "Pairs that the pictures do not show",
    "range": "Values that use little of their range, or leave it",
    "labels": "Pictures that look like labels",
    "same": "Source and target are one picture",
    "shifted": "Pairs whose sides do not lie on each other",
    "unrelated": "Pairs that do not look related",
}


@click.command("check")
@click.argument("dataset", metavar="NAME|PATH")
@click.option(
    "--data-root", metavar="DIR", help="Folder that holds the named data sets, or the photos of a pair maker."
)
@click.option("--recipe", metavar="NAME", help="Recipe for whose sizes and direction it is checked.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set any configuration key.")
@click.option("--json", "as_json", is_flag=True, help="Print everything for machines.")
@click.pass_obj
def command(
    session: Session, dataset: str, data_root: str | None, recipe: str | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Decode every picture of data set NAME, or of a folder or table of pairs, and list what is wrong with which.

    The results for files are stored, and used again while these do not change. Exit code 3 where there are faults.
    """
    flags = ConfigFlags(dataset=dataset, data_root=data_root, settings=settings, skip_invalid=True)
    loaders = _opened(session, recipe, flags)
    from imtrans.engine.validation.validate import check_dataset

    with progress("examining") as tick:
        report = check_dataset(loaders, tick=tick)
    click.echo(_as_json(dataset, report) if as_json else "\n".join(_lines(dataset, report)))
    if report.doubt:
        raise DataError(report.doubt.what, hint=report.doubt.hint)
    if report.faults:
        samples = f"{_unusable(report):,} of {sum(report.counts.values()):,} samples"
        raise DataError(
            f"{dataset}: {samples} cannot be used",
            hint="Fix them, or train without: imtrans run ... --skip-invalid",
        )


def _opened(session: Session, recipe: str | None, flags: ConfigFlags) -> "Mapping[Split, PairLoader]":
    """The splits of the data set; of pictures that are no pairs where a folder holds these and no recipe is named."""
    try:
        return _loaders(session, configured(session.catalog, recipe, flags))
    except DataError:
        from imtrans.kit.pairing.guess import is_unpaired

        if recipe or not (flags.dataset and is_unpaired(Path(flags.dataset).expanduser())):
            raise
    return _loaders(session, configured(session.catalog, None, replace(flags, is_unpaired=True)))


def _loaders(session: Session, config: "RunConfig") -> "Mapping[Split, PairLoader]":
    """The splits that the data set has; of those that are the same files the first."""
    from imtrans.engine.build import ComponentFactory
    from imtrans.engine.data.pair_loader import open_split, open_training
    from imtrans.interfaces import Split

    # Training reads larger pictures than it trains on, where the augmentation crops: these sizes are checked.
    training = open_training(config, ComponentFactory(session.catalog)).loader
    loaders: dict[Split, PairLoader] = {"train": training}
    files_of_splits = [loaders["train"].files]
    for split in get_args(Split)[1:]:
        try:
            loader = open_split(config, split, data_spec=training.data_spec)
        except DataError as error:
            click.echo(f"Note: no {split} pairs: {error.what}", err=True)
            continue
        # Samples that are drawn have no files: their splits differ all the same.
        files = loader.files
        if files not in files_of_splits or not any(files):
            loaders[split] = loader
            files_of_splits.append(files)
    return loaders


def _unusable(report: "CheckReport") -> int:
    return sum(len(report.left_out(split)) for split in report.counts)


def _lines(name: str, report: "CheckReport") -> Iterator[str]:
    counts = ", ".join(f"{count:,} {split}" for split, count in report.counts.items())
    known = sum(report.counts.values()) - report.read
    yield f"{printable(name)}: {counts}" + (f" ({report.read:,} examined now, {known:,} known)" if known > 0 else "")
    for is_fault, word in ((True, "fault"), (False, "warning")):
        issues = [i for i in report.issues if i.issue.is_fault == is_fault]
        yield ""
        yield f"{len(issues):,} {word}{'s' * (len(issues) != 1)}" if issues else f"No {word}s."
        for code in dict.fromkeys(i.issue.code for i in issues):
            yield from _lines_of_code(code, [i for i in issues if i.issue.code == code])
    if report.notes:
        yield ""
        yield from (_wrapped(f"Note: {printable(note)}", "") for note in report.notes)


def _lines_of_code(code: str, issues: "Sequence[LocatedIssue]") -> Iterator[str]:
    yield ""
    yield f"{TITLES.get(code, code.replace('-', ' ').capitalize())} ({len(issues):,})"
    for located in issues[:MAX_SHOWN]:
        split = f"{located.split}: " if located.sample is None and located.split else ""
        yield _wrapped(split + _short(located.issue.what), "  ")
    if len(issues) > MAX_SHOWN:
        yield f"  and {len(issues) - MAX_SHOWN:,} more (all of them: --json)"
    for hint in list(dict.fromkeys(i.issue.hint for i in issues if i.issue.hint))[:3]:
        yield from (_wrapped(f"-> {line}", "  ") for line in hint.split("\n"))


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text,
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=f"{indent}   ",
        break_on_hyphens=False,  # a broken file name could not be copied from the terminal
        break_long_words=False,
    )


def _short(text: str) -> str:
    """The text with paths relative to the current folder."""
    return printable(text).replace(f"{os.getcwd()}{os.sep}", "").replace("\n", " ")


def _as_json(name: str, report: "CheckReport") -> str:
    issues = [_tree(located) for located in report.issues]
    tree: dict[str, Any] = {
        "dataset": name,
        "counts": dict(report.counts),
        "examined": report.read,
        "unusable": _unusable(report),
        "faults": sum(f["is_fault"] for f in issues),
        "warnings": sum(not f["is_fault"] for f in issues),
        "issues": issues,
        "notes": list(report.notes),
        # Pixels that the target lies lower and further right than the source, as stored.
        "shifts": {name: [round(s.down, 2), round(s.right, 2)] for name, s in report.shifts.items()},
    }
    return json.dumps(tree, indent=1)


def _tree(located: "LocatedIssue") -> dict[str, Any]:
    issue = located.issue
    return {
        "split": located.split,
        "sample": located.sample,
        "code": issue.code,
        "is_fault": issue.is_fault,
        "what": issue.what,
        "hint": issue.hint,
        "files": [str(f) for f in issue.files],
    }
