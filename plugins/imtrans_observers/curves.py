"""Which curves a report shows, in which groups."""

from collections.abc import Iterator

from imtrans.kit.report.html_report import Chart, Series
from imtrans.kit.report.metric_history import BESIDE, HEALTH, History


def curves(past: History) -> Iterator[Chart]:
    """Each loss and each metric by itself; of the health what belongs together in one."""
    for name in past.losses():
        yield Chart(group="losses", title=name, axis="loss", series=[series(past, name)], log=True)
    for name in past.names("val"):
        if not name.endswith(BESIDE):
            yield Chart(group="metrics", title=name, axis=name, series=[series(past, name, "val")])
    yield from _health(past)


def series(past: History, name: str, split: str = "train", *, called: str = "") -> Series:
    """One column as a line."""
    return Series(name=called or name, points=past.column(name, split).finite())


def _health(past: History) -> Iterator[Chart]:
    groups: dict[str, list[str]] = {}
    for name in past.names("train"):
        if name.startswith(HEALTH):
            groups.setdefault(name.removeprefix(HEALTH).partition(".")[0], []).append(name)
    for what, names in groups.items():
        lines = [series(past, n, called=n.rpartition(".")[2]) for n in names]
        title, axis, is_share = _TITLES.get(what, (what, what, False))
        bounds = (0.0, 1.0) if is_share else (None, None)
        log = what in ("gradient", "lr")
        yield Chart(group="health", title=title, axis=axis, series=lines, log=log, low=bounds[0], high=bounds[1])


_TITLES = {
    "accuracy": ("accuracy of D (0.5: guessing)", "share", True),
    "gradient": ("length of the gradients", "length", False),
    "lr": ("learning rate", "rate", False),
    "waiting": ("time waiting for data", "share", True),
    "skipped": ("steps left out as not finite", "steps", True),
}
