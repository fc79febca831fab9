"""The benchmarks run, their plain ways compute the same, and their tables say when a figure means nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP))

from benchmarks.speed import chart, machine, results, step  # noqa: E402
from benchmarks.speed.programs.plain_step import plain_step  # noqa: E402
from benchmarks.speed.rows import Row  # noqa: E402


@pytest.mark.slow
def test_every_part_runs_and_prints_its_table(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TOP), "IMTRANS_HOME": str(tmp_path)}
    words = [sys.executable, "-m", "benchmarks", "all", "--rounds", "1", "--tiny"]
    before = results.RESULTS.read_bytes()
    ended = subprocess.run(words, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for part in results.PARTS:
        assert f"### {part}\n" in ended.stdout
    assert ended.stdout.count("| whole command, 32 px, batch 1, ") in (1, 2)  # bf16 where the processor has it
    assert results.RESULTS.read_bytes() == before


@pytest.mark.slow
def test_the_command_for_a_gpu_runs_here_in_small_and_goes_on_where_it_stopped(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TOP), "IMTRANS_HOME": str(tmp_path / "home")}
    words = [sys.executable, "-m", "benchmarks", "gpu", "--tiny", "--device", "cpu", "--out", str(tmp_path / "gpu")]
    first, second = (
        subprocess.run(words, cwd=TOP, env=environment, capture_output=True, text=True, check=False) for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "drawn: scores: l1 " in first.stdout
    assert second.stdout.count("\n") == 1  # the machine; all else is known
    table = (tmp_path / "gpu" / "gpu.md").read_text()
    assert "| ratio at batch 2 | " in table
    assert "| drawn: seconds of training | " in table


@pytest.mark.slow
def test_the_plain_step_is_ours_and_has_the_flops_that_are_counted_by_hand():
    step.check_equal_steps()
    networks = step.networks(256)
    source, target = torch.rand(2, 1, 3, 256, 256)
    take = plain_step(*networks)
    assert machine.flops_of(lambda: take(source, target)) == pytest.approx(86.94e9, rel=0.001)


def test_a_row_says_its_ratio_and_refuses_one_of_too_wide_a_spread():
    row = Row("a step", [10, 12, 11], [5, 4, 5.5], goal=1.5, floor=2.5)
    assert row.ratios == [2, 2, 3]
    assert row.cells == ["a step", "11 ms", "5 ms", "2.00 (2.00 to 3.00)", "2.50", "1.5", "50%"]
    rate = Row("loading", [100], [300], unit="pairs a second", is_rate=True)
    assert rate.ratio == 3
    wild = Row("noise", [10, 10, 10, 10], [10, 5, 20, 2])
    assert wild.is_wide
    assert wild.cells[3].startswith("refused: ")


def test_the_tables_replace_those_of_before_and_nothing_else(tmp_path):
    path = tmp_path / "RESULTS.md"
    path.write_text("# Results\n\nold rows\n")
    for text in ("first", "second"):
        results.keep(text, path)
    kept = path.read_text()
    assert kept.startswith("# Results\n\nold rows\n\n")
    assert "first" not in kept
    assert kept.count("second") == kept.count(results.BEGIN) == 1


def test_the_chart_in_the_docs_is_that_of_the_results():
    """Else: python -c 'from benchmarks.speed import chart, results; chart.keep(results.RESULTS)'"""
    rows = chart.bars(results.RESULTS.read_text(encoding="utf-8"))
    assert len(rows) >= 5
    assert all(row.low <= row.ratio <= row.high for row in rows)
    assert chart.DOCS.read_text(encoding="utf-8") == chart.drawn(rows)


def test_a_chart_has_the_rows_with_a_goal_beside_the_plain_way():
    rows = [Row("a < b", [10, 10], [5, 4], goal=1.5), Row("no goal", [1], [1]), Row("its step alone", [1], [1], goal=1)]
    text = results.table(rows)
    assert [(bar.name, bar.ratio, bar.goal) for bar in chart.bars(text)] == [("a < b", 2.25, 1.5)]
    assert "a &lt; b" in chart.drawn(chart.bars(text))
