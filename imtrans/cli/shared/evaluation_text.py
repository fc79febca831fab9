"""The numbers of an evaluation as text: a table, and what the numbers are of."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli.shared.table import width_of_output
from imtrans.errors import printable

if TYPE_CHECKING:
    from imtrans.engine.evaluation.evaluator import Evaluation, Number
    from imtrans.engine.evaluation.over_time.history import CheckpointHistory
    from imtrans.engine.evaluation.run_evaluation import EvaluationResult


def show(what: "EvaluationResult | CheckpointHistory", *, as_json: bool) -> dict[str, Any]:
    """Print what was measured, unless it is for machines, and return the record of it."""
    from imtrans.engine.evaluation.over_time.history import CheckpointHistory

    if not as_json:
        lines = _over_time(what) if isinstance(what, CheckpointHistory) else _lines(what)
        click.echo("\n".join(lines))
    return what.record


def _lines(result: "EvaluationResult") -> Iterator[str]:
    yield _title(result.evaluation, result.about)
    yield from _table(result)
    yield from (f"Note: {printable(note)}" for note in result.evaluation.notes)
    if result.choice and result.best:
        yield f"Best: {printable(result.best.about['checkpoint'])}; {printable(result.choice.note)}"
    elif result.choice and result.about["checkpoint"].endswith(f"step-{result.choice.step:06}"):
        yield f"Best: this one, by {printable(result.choice.metric)} on {result.choice.split}"
    yield f"{'each picture' if result.evaluation.pictures else 'its record'}: {printable(str(result.table))}"
    if result.page:
        yield f"page:         {printable(str(result.page))}"


def _table(result: "EvaluationResult") -> Iterator[str]:
    from imtrans.engine.evaluation.eval_report import format_interval, format_number

    numbers = result.evaluation.numbers
    best = result.best.evaluation.numbers if result.best else {}
    # A column that no number fills is left out: a terminal has 80 columns.
    columns: list[tuple[str, Callable[[str], str]]] = [
        ("value", lambda name: format_number(numbers[name].value)),
        ("95 % interval", lambda name: format_interval(numbers[name])),
        ("upper bound", lambda name: format_number(numbers[name].upper_bound)),
        ("mean image", lambda name: format_number(numbers[name].baseline)),
        (f"best, {result.choice.step if result.choice else 0}", lambda name: format_number(_value(best.get(name)))),
    ]
    cells = [[of(name) for name in numbers] for _, of in columns]
    kept = [(head, each) for (head, _), each in zip(columns, cells, strict=True) if {*each} - {"-"} or head == "value"]
    yield from _rows(list(numbers), kept)


def _rows(names: Sequence[str], columns: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Lines of right-aligned columns, each with its head, after the names."""
    first, widths = max(map(len, names), default=0), [max(len(head), *map(len, cells)) for head, cells in columns]
    heads = [f"{head:>{width}}" for (head, _), width in zip(columns, widths, strict=True)]
    yield "  ".join(["  " + " " * first, *heads])
    for row, name in enumerate(names):
        shown = [f"{cells[row]:>{width}}" for (_, cells), width in zip(columns, widths, strict=True)]
        yield "  ".join([f"  {name:<{first}}", *shown])


def _over_time(history: "CheckpointHistory") -> Iterator[str]:
    from imtrans.engine.evaluation.over_time.history import shown

    last, best = history.results[-1], history.best
    yield _title(
        last.evaluation,
        {**last.about, "evaluated": f"{history.run} on {last.about['data set']} ({last.about['split']})"},
    )
    starred = {
        name: [
            f"{shown(number)}{'*' if best.get(name) == step else ' '}"
            for number, step in zip(history.column(name), history.steps, strict=True)
        ]
        for name in history.names
    }
    steps, width = [f"step {step:,}" for step in history.steps], width_of_output()
    kept = _fitting(starred, room=width - len(steps[-1]) - 2) if width else [*starred]
    yield from _rows(steps, [(f"{name} ", starred[name]) for name in kept])
    if len(kept) < len(starred):
        yield f"On the page, too: {', '.join(n for n in starred if n not in kept)}"
    yield from (f"Note: {printable(note)}" for note in history.notes)
    yield f"page: {printable(str(history.page))}"


def _fitting(columns: Mapping[str, Sequence[str]], *, room: int) -> list[str]:
    """The first columns that have room beside each other; at least one."""
    widths = [max(len(name) + 1, *map(len, cells)) + 2 for name, cells in columns.items()]
    return [
        name for name, end in zip(columns, itertools.accumulate(widths), strict=True) if end <= room or end == widths[0]
    ]


def _value(number: "Number | None") -> float | None:
    return number.value if number else None


def _title(evaluation: "Evaluation", about: Mapping[str, Any]) -> str:
    named = f"{evaluation.protocol.name} v{evaluation.protocol.version} #{evaluation.hash}"
    return f"{named}: {_meaning(evaluation, about)}"


def _meaning(evaluation: "Evaluation", about: Mapping[str, Any]) -> str:
    """What was evaluated, at which size and with which inference policy, in words."""
    size, predicted = (evaluation.choices[k] for k in ("size", "made_at"))
    shown = " x ".join(map(str, size)) if isinstance(size, list) else size
    resized = (
        "" if size == predicted or not isinstance(predicted, list) else f" (made at {' x '.join(map(str, predicted))})"
    )
    policy = ", ".join(f"{k} {_on_off(v)}" for k, v in evaluation.choices.get("inference", {}).items())
    count = len(evaluation.keys)
    return "; ".join(
        p for p in (printable(about["evaluated"]), f"{count} of {count} pictures", shown + resized, policy) if p
    )


def _on_off(value: Any) -> Any:
    return value if not isinstance(value, bool) else "on" if value else "off"
