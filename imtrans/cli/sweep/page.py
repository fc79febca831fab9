"""What `imtrans sweep` writes: sweep.json and a page with the parallel coordinates of all trials and the best runs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import atomic_io
from imtrans.cli.sweep.plan import SweepPlan
from imtrans.cli.sweep.study import ORIGIN, run_name, trials

TEMPLATE = Path(__file__).with_name("sweep.html.j2")
WIDTH, HEIGHT, MARGIN = 960, 320, 60  # of the drawing, in its units
ENDED = ("COMPLETE", "PRUNED", "FAIL")


def write(plan: SweepPlan, study: Any, *, is_higher: bool) -> dict[str, Any]:
    """Write both; returns what sweep.json has. The best come first, then what was pruned or failed."""
    from imtrans.kit.report.html_report import render

    result = record(plan, study, is_higher=is_higher)
    page = plan.folder / "sweep.html"
    result["page"] = str(page)
    done = [t for t in result["trials"] if t["state"] == "COMPLETE"]
    values = {
        "title": f"{plan.name}: {plan.recipe}, {len(result['trials'])} trials",
        "keys": list(plan.search),
        "metric": f"{plan.metric} {'↑' if is_higher else '↓'}",
        "trials": [
            {**t, "shown": _shown(t["value"]), "cells": [_shown(t["values"].get(key)) for key in plan.search]}
            for t in result["trials"]
        ],
        "axes": _axes(plan, done),
        "lines": _lines(plan, done),
        "width": WIDTH,
        "height": HEIGHT,
        "margin": MARGIN,
    }
    atomic_io.replace_text(page, render(TEMPLATE, values))
    atomic_io.replace_json(plan.folder / "sweep.json", result)
    return result


def record(plan: SweepPlan, study: Any, *, is_higher: bool) -> dict[str, Any]:
    """The trials that ended, each set of values once, the best first; `running` counts those of other processes."""
    every = trials(study)
    again = {t.user_attrs[ORIGIN] for t in every if ORIGIN in t.user_attrs}
    final = [t for t in every if t.state.name in ENDED and not _is_replaced(t, every, again)]
    rank = lambda t: (ENDED.index(t.state.name), (-1 if is_higher else 1) * (t.value or 0.0))  # noqa: E731
    rows = [
        {
            "run": run_name(plan, t),
            "values": dict(t.params),
            "state": t.state.name,
            "value": t.value,
            "note": t.user_attrs.get("note", ""),
        }
        for t in sorted(final, key=rank)
    ]
    best = rows[0]["run"] if rows and rows[0]["state"] == "COMPLETE" else None
    running = sum(t.state.name in ("RUNNING", "WAITING") for t in every)
    return {"name": plan.name, "metric": plan.metric, "best": best, "running": running, "trials": rows}


def _is_replaced(trial: Any, every: Sequence[Any], again: set[int]) -> bool:
    """Whether a later trial goes on with this one's values."""
    first = trial.user_attrs.get(ORIGIN, trial.number)
    return first in again and any(t.user_attrs.get(ORIGIN) == first and t.number > trial.number for t in every)


def text(result: Mapping[str, Any]) -> str:
    """The best runs, for a terminal."""
    done = [t for t in result["trials"] if t["state"] == "COMPLETE"]
    others = len(result["trials"]) - len(done)
    lines = [f"{t['run']}  {result['metric']} {t['value']:.4g}  {_values(t)}" for t in done[:5]]
    lines += [f"{others} of {len(result['trials'])} trials were pruned or failed"] if others else []
    lines += [f"{result['running']} trials still run in other processes"] if result["running"] else []
    best = f"Best run: runs/{result['best']}" if result["best"] else "No trial has ended with a value."
    return "\n".join([*lines, best, f"Page:     {result['page']}"])


def _values(trial: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={_shown(value)}" for key, value in trial["values"].items())


def _shown(value: Any) -> str:
    """A value in a table: numbers with four digits, as nobody compares more; sweep.json has all of them."""
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _axes(plan: SweepPlan, done: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The axes: a place from left to right, a name, and the labels at their heights."""
    axes = []
    for index, key in enumerate([*plan.search, plan.metric]):
        column = [_of(t, key, plan) for t in done]
        known = list(dict.fromkeys(column))
        is_number = all(isinstance(v, int | float) for v in known)
        ends = [min(known), max(known)] if is_number and known else known
        labels = [(f"{v:.4g}" if isinstance(v, float) else str(v), _height(v, column, plan, key)) for v in ends]
        axes.append({"x": _x(index, plan), "name": key, "labels": list(dict.fromkeys(labels))})
    return axes


def _lines(plan: SweepPlan, done: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A line for each trial from axis to axis, the best last, so that it lies on top."""
    keys = [*plan.search, plan.metric]
    columns = {key: [_of(t, key, plan) for t in done] for key in keys}
    lines = []
    for rank, trial in reversed(list(enumerate(done))):
        points = [(_x(i, plan), _height(_of(trial, k, plan), columns[k], plan, k)) for i, k in enumerate(keys)]
        points_text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        lines.append({"points": points_text, "run": trial["run"], "is_best": rank == 0})
    return lines


def _of(trial: Mapping[str, Any], key: str, plan: SweepPlan) -> Any:
    return trial["values"][key] if key in plan.search else trial["value"]


def _x(index: int, plan: SweepPlan) -> float:
    return MARGIN + index * (WIDTH - 2 * MARGIN) / len(plan.search)


def _height(value: Any, column: Sequence[Any], plan: SweepPlan, key: str) -> float:
    """Where a value lies on its axis: by size, on a range with `log` by its logarithm; a word by its order."""
    if not all(isinstance(v, int | float) for v in column):
        known = list(dict.fromkeys(column))
        share = known.index(value) / max(1, len(known) - 1)
    else:
        space = plan.search.get(key)
        scale = math.log if isinstance(space, dict) and space.get("log") else float
        low, high = scale(min(column)), scale(max(column))
        share = (scale(value) - low) / (high - low) if high > low else 0.5
    return HEIGHT - MARGIN / 2 - share * (HEIGHT - MARGIN)
