"""imtrans bench: runs of several recipes, one table and page of them, and that it goes on where it stopped."""

import json

import pytest

from imtrans.cli.comparison.bench_runs import settings_for
from imtrans.errors import ConfigError

FOR_ALL = ["data.size=32", "train.num_samples=2", "generator.width=2", "discriminator.width=2"]
OF_ONE = [
    "pix2pix:generator.depth=3",
    "pix2pix:metrics=l1",
    "pix2pix:data.batch_size=2",
    "cut:generator.blocks=1",
    "cut:method.patches=8",
    "cut:patch_network.width=4",
    "cut:data.batch_size=1",
]


@pytest.fixture
def bench(subprocess_cli, pairs):
    path = str(pairs(size=64))
    flags = [part for text in (*FOR_ALL, *OF_ONE) for part in ("--set", text)]

    def call(*arguments):
        return subprocess_cli("bench", "--recipes", "pix2pix,cut", "--dataset", path, *flags, *arguments)

    return call


@pytest.mark.slow
def test_it_trains_each_measures_all_alike_and_goes_on_with_more_steps(bench, tmp_path):
    first = bench("--steps", "2", "--json")
    assert first.code == 0, first.err
    record = json.loads(first.out)
    assert [(r["recipe"], r["steps"], r["batch_size"]) for r in record["runs"]] == [("pix2pix", 2, 2), ("cut", 2, 1)]
    of_pix2pix, of_cut = record["runs"]
    assert of_pix2pix["parameters"] > 0
    assert of_pix2pix["peak_memory"] > 50e6, "torch alone is larger"
    protocols = [[e["protocol"] for e in r["evaluations"]] for r in record["runs"]]
    assert protocols[0] == protocols[1] == ["image", "unpaired"]
    assert of_cut["evaluations"][0]["numbers"]["l1"]["value"] > 0
    assert record["notes"] == ["they were not trained with equally many pictures: steps times batch"]
    table = (tmp_path / "bench/bench.md").read_text()
    assert "| recipe | steps | batch | parameters | ms a step | memory, MB |" in table
    assert "![cut: source, prediction, target](cut.png)" in table
    page = (tmp_path / "bench/bench.html").read_text()
    assert page.count("<img") == 2 * 4, "of each of two pictures the source, both predictions, and the target"
    assert "★" in page
    assert (tmp_path / "bench/pix2pix.png").exists()

    started = [json.loads((tmp_path / f"runs/bench-{r}/run.json").read_text())["started"] for r in ("pix2pix", "cut")]
    again = bench("--steps", "2")
    assert again.code == 0, again.err
    assert "bench-pix2pix is finished" in again.err
    assert "* the best of those that were measured alike" in again.out
    more = bench("--steps", "3")
    assert more.code == 0, more.err
    ended = [json.loads((tmp_path / f"runs/bench-{r}/run.json").read_text()) for r in ("pix2pix", "cut")]
    assert [r["started"] for r in ended] == started, "the same runs went on"
    assert [r["step"] for r in ended] == [3, 3]


def test_what_cannot_be_trained_is_refused_before_anything_is(cli, tmp_path):
    pairs = cli("bench", "--recipes", "cut,pix2pix", "--dataset", "day2night")
    assert pairs.code == 2
    assert "recipe 'pix2pix' needs pairs, and data set 'day2night' has none" in pairs.err
    unknown = cli("bench", "--recipes", "cut,cyclgan")
    assert unknown.code == 2
    assert "cyclegan" in unknown.err
    key = cli("bench", "--recipes", "cut", "--set", "cut:method.pachtes=3")
    assert key.code == 2
    assert "patches" in key.err
    assert cli("bench", "--recipes", ",").code == 2
    assert not (tmp_path / "runs").exists()


def test_a_setting_is_for_all_or_for_the_recipe_that_it_names():
    given = ["train.seed=3", "cut:method.patches=8", "pix2pix:dataset.path=C:/pairs"]
    assert settings_for("cut", given, ["pix2pix", "cut"]) == ["--set", "train.seed=3", "--set", "method.patches=8"]
    assert settings_for("pix2pix", given, ["pix2pix", "cut"])[-1] == "dataset.path=C:/pairs"
    assert settings_for("cut", ["dataset.path=C:/pairs"], ["cut"]) == ["--set", "dataset.path=C:/pairs"]
    with pytest.raises(ConfigError, match="none of --recipes"):
        settings_for("cut", ["cyclegan:method.pool_size=0"], ["cut"])
