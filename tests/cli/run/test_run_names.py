"""What a run is called that was given no name, and what a finished one says when its command is given again."""

from pathlib import Path

import pytest
from config_factory import given_by_others, run
from factories import TINY, pairs

from imtrans.engine.runs.run_name import run_name


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ([], "pix2pix-toy"),
        (["generator.width=32"], "pix2pix-toy-width32"),
        (["train.optimizer.lr=1e-4"], "pix2pix-toy-lr0.0001"),
        (["generator=unet128", "data.batch_size=4"], "pix2pix-toy-unet128-batch4"),
        (["reconstruction.weight=10", "train.schedule=cosine"], "pix2pix-toy-l1-weight10-schedule-cosine"),
        (["discriminator.conditional=false", "data.size=[128,256]"], "pix2pix-toy-no-conditional-size128x256"),
        (["train.steps=9", "train.evaluate_every=1 epoch", "data.workers=2", "train.device=cpu"], "pix2pix-toy"),
        ([f"generator.{k}" for k in ("width=8", "depth=3", "dropout=0", "norm=none")], None),
    ],
)
def test_a_name_says_what_was_changed(settings, name):
    called = run_name(run(given_by_others(), *settings))
    assert called == name if name else len(called) <= 80


def test_of_many_changes_the_first_are_named():
    many = [
        "generator.width=8",
        "generator.depth=3",
        "data.size=8",
        "data.batch_size=2",
        "train.seed=3",
        "train.ema=0.9",
    ]
    assert run_name(run(given_by_others(), *many)) == "pix2pix-toy-depth3-width8-size8-batch2-2-more"


@pytest.mark.slow
def test_a_finished_run_says_so_and_asks_for_again_or_a_name(cli, tmp_path):
    data = pairs(tmp_path / "pairs", train=4, val=1).options["path"]
    line = ["run", "pix2pix", "--dataset", data, *TINY]
    assert cli(*line).code == 0
    (first,) = Path("runs").iterdir()
    again = cli(*line)
    assert again.code == 2
    assert again.err.startswith(f"Error: this run is finished: {first}, 2 steps, begun 20")
    assert f"Use it: imtrans translate {first} PICTURES -o OUT; or train once more: --again, or --name NEW" in again.err
    assert len(list(Path("runs").iterdir())) == 1
    assert cli(*line, "--again").code == 0
    assert cli(*line, "--name", "other").code == 0
    assert cli(*line, "--seed", "3").code == 0
    names = {first.name, f"{first.name}-2", "other"}
    assert names < {p.name for p in Path("runs").iterdir()}
    assert len(list(Path("runs").iterdir())) == 4


@pytest.mark.slow
def test_a_longer_run_is_another_one(cli, tmp_path):
    data = pairs(tmp_path / "pairs", train=4, val=1).options["path"]
    line = ["run", "pix2pix", "--dataset", data, *TINY]
    assert cli(*line).code == 0
    longer = ["3" if text == "2" and line[i - 1] == "--steps" else text for i, text in enumerate(line)]
    assert cli(*longer).code == 0


def test_what_a_data_set_advises_for_other_networks_is_one_line(cli):
    lines = [line for line in cli("run", "pix2pix", "--dry-run").out.splitlines() if line.startswith("left out:")]
    assert len(lines) == 1
    assert lines[0].startswith(
        "left out: advice of dataset toy for other networks: generator.blocks, generator.downs, "
    )
