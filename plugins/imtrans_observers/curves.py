"""Which curves a report shows, in which groups."""

from collections.abc import Iterator

from imtrans.kit.report.html_report import Chart, Series
from imtrans.kit.report.metric_history import HEALTH, REFERENCES, History


def curves(history: History) -> Iterator[Chart]:
    """One chart for each loss and metric; health values of one kind share a chart."""
    for name in history.losses():
        yield Chart(group="losses", title=name, axis="loss", series=[series(history, name)], log=True)
    for name in history.names("val"):
        if not name.endswith(REFERENCES):
            yield Chart(group="metrics", title=name, axis=name, series=[series(history, name, "val")])
    yield from _health(history)


def series(history: History, name: str, split: str = "train", *, label: str = "") -> Series:
    """One column of the history as a line; `label` defaults to its name."""
    return Series(name=label or name, points=history.column(name, split).finite())


def _health(history: History) -> Iterator[Chart]:
    groups: dict[str, list[str]] = {}
    for name in history.names("train"):
        if name.startswith(HEALTH):
            groups.setdefault(name.removeprefix(HEALTH).partition(".")[0], []).append(name)
    for kind, names in groups.items():
        lines = [series(history, n, label=n.rpartition(".")[2]) for n in names]
        title, axis, is_share = _TITLES.get(kind, (kind, kind, False))
        low, high = (0.0, 1.0) if is_share else (None, None)
        # Logarithmic where values span orders of magnitude.
        log = kind in ("gradient", "lr")
        yield Chart(group="health", title=title, axis=axis, series=lines, log=log, low=low, high=high)


_TITLES = {
    "accuracy": ("accuracy of D (0.5: guessing)", "share", True),
    "augment_p": ("probability of the augmentation of D", "probability", True),
    "augment_r": ("mean sign of D at real pictures (ADA)", "mean sign", False),
    "gradient": ("length of the gradients", "length", False),
    "lr": ("learning rate", "rate", False),
    "waiting": ("time waiting for data", "share", True),
    "skipped": ("steps left out as not finite", "steps", True),
}
