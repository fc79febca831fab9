"""The page, or the picture, that compares runs: their curves in one plot each, and the same samples in a row."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imtrans.cli.comparison.run_comparison import RunSummary
from imtrans.cli.comparison.same_samples import panels_of, same_samples
from imtrans.errors import ResourceError

if TYPE_CHECKING:
    from imtrans.interfaces import Sample
    from imtrans.kit.report.html_report import Chart

Rows = Sequence[tuple[str, str, list[str], list[bool]]]
TEMPLATE = Path(__file__).with_name("compare.html.j2")
MAX_IN_PICTURE = 6  # rows of samples


def write(path: Path, runs: Sequence[RunSummary], *, rows: Rows, notes: Sequence[str]) -> None:
    """Write the page or, for .png, the picture. ResourceError if it cannot be written."""
    from imtrans.atomic_io import replace_text

    strips, notes_on_samples = same_samples(runs)
    if path.suffix.lower() == ".png":
        _write_picture(path, runs, strips)
    else:
        replace_text(path, _page(runs, strips, rows=rows, notes=[*notes, *notes_on_samples]))


def charts(runs: Sequence[RunSummary]) -> "Iterator[Chart]":
    """A chart for each metric and each loss that any run has, and for the accuracy of D; a line in it for each run."""
    from imtrans.kit.report.html_report import Chart, Series
    from imtrans.kit.report.metric_history import HEALTH, REFERENCES

    for split, group in (("val", "metrics"), ("train", "losses")):
        names = [n for r in runs for n in (r.past.names("val") if split == "val" else r.past.losses())]
        for name in dict.fromkeys(n for n in names if not n.endswith(REFERENCES)):
            lines = [Series(name=r.name, points=r.past.column(name, split).finite()) for r in runs]
            yield Chart(group=group, title=name, axis="loss" if split == "train" else name, series=lines, log=True)
    lines = [Series(name=r.name, points=r.past.column(f"{HEALTH}accuracy").finite()) for r in runs]
    yield Chart(group="health", title="accuracy of D (0.5: guessing)", axis="share", series=lines, low=0.0, high=1.0)


def _page(runs: Sequence[RunSummary], strips: "list[list[Sample]]", *, rows: Rows, notes: Sequence[str]) -> str:
    from imtrans.kit.report import html_report as pages

    # All at once: the page takes each picture in the order of the strips.
    panels = [p for strip in strips for p in panels_of(strip)]
    images = iter(pages.embedded(panels))
    return pages.render(
        TEMPLATE,
        {
            "names": [r.name for r in runs],
            "rows": [(group, name, list(zip(values, is_best, strict=True))) for group, name, values, is_best in rows],
            "notes": notes,
            "verdicts": [(r.name, r.verdict) for r in runs if r.verdict["name"]],
            "charts": pages.charts_of(charts(runs)),
            "strips": [(strip[0].key, [next(images) for _ in panels_of(strip)]) for strip in strips],
            "has_targets": any(strip[0].target is not None for strip in strips),
        },
    )


def _write_picture(path: Path, runs: Sequence[RunSummary], strips: "list[list[Sample]]") -> None:
    from imtrans.kit.report.image_grid import sheet
    from imtrans.kit.report.plots import plots, stacked

    heads = ["source", *(r.name for r in runs), "target"]
    samples = [sheet([panels_of(strip)]) for strip in strips[:MAX_IN_PICTURE]]
    image = stacked(plots(list(charts(runs))), samples, heads=heads)
    try:
        image.save(path)
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}") from error
