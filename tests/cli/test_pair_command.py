"""imtrans data pair: from a messy folder to a table of pairs that trains."""

import csv

import numpy as np
import pytest
from drawn_scenes import pages, photo, save, sketch
from factories import TINY

from imtrans.kit.images import decode


def rows(path):
    with path.open() as file:
        return [*csv.DictReader(file)]


@pytest.mark.slow
def test_names_are_paired_into_a_table_that_trains(tmp_path, cli):
    for i in range(12):
        save(tmp_path / "x" / f"img_{i:03}_phase.PNG", photo(i))
        save(tmp_path / "x" / f"img_{i:03}_fluor.TIF", sketch(i))
    refused = cli("run", "pix2pix", "--dataset", "x")
    assert refused.code == 3
    assert "--set 'dataset.source=*_phase' --set 'dataset.target=*_fluor'; or imtrans data pair x" in refused.err
    done = cli("data", "pair", "x")
    assert done.code == 0, done.err
    assert "names end in _phase / _fluor: 12 pairs; 12 of 12 that were looked at fit; taken" in done.out
    assert done.out.splitlines()[-1] == "Train on them: imtrans run pix2pix --dataset pairs.csv"
    assert rows(tmp_path / "pairs.csv")[0] == {"source": "x/img_000_phase.PNG", "target": "x/img_000_fluor.TIF"}
    assert decode(tmp_path / "pairs.png").ndim == 3
    assert cli("run", "pix2pix", "--dataset", "pairs.csv", *TINY, "--name", "r").code == 0
    patterns = ["--set", "dataset.source=*_phase", "--set", "dataset.target=*_fluor"]
    by_pattern = cli("run", "pix2pix", "--dataset", "x", *patterns, *TINY, "--name", "p")
    assert by_pattern.code == 0, by_pattern.err
    assert "pairs of *_phase and *_fluor" in by_pattern.err
    again = cli("data", "pair", "x")
    assert again.code == 2
    assert "pairs.csv exists" in again.err
    assert cli("data", "pair", "x", "--overwrite", "--swap").code == 0
    assert rows(tmp_path / "pairs.csv")[0]["target"] == "x/img_000_phase.PNG"


def test_a_patient_is_in_one_split_only(tmp_path, cli):
    for patient in range(5):
        for i in range(4):
            save(tmp_path / "x" / f"patient{patient}" / "he" / f"{i}.png", photo(10 * patient + i))
            save(tmp_path / "x" / f"patient{patient}" / "ihc" / f"{i}.png", sketch(10 * patient + i))
    done = cli("data", "pair", "x", "-o", "t/pairs.csv") if (tmp_path / "t").mkdir() is None else None
    assert done.code == 0, done.err
    assert "5 groups by names; none is in two splits" in done.out
    table = rows(tmp_path / "t" / "pairs.csv")
    assert table[0]["source"] == "../x/patient0/he/0.png"
    splits = {row["group"]: {r["split"] for r in table if r["group"] == row["group"]} for row in table}
    assert sorted(map(len, splits.values())) == [1] * 5
    assert {split for each in splits.values() for split in each} == {"train", "val"}


@pytest.mark.parametrize("joint", ["", "_"])
def test_splits_joined_to_their_sides_stay_splits(joint, tmp_path, cli):
    for i in range(12):
        split = "train" if i < 9 else "test"
        save(tmp_path / "x" / f"{split}{joint}A" / f"{i}.png", sketch(i))
        save(tmp_path / "x" / f"{split}{joint}B" / f"{i}.png", photo(i))
    done = cli("data", "pair", "x")
    assert "pairs.csv: 12 pairs (3 test, 9 train)" in done.out, done.err
    table = {row["source"]: row for row in rows(tmp_path / "pairs.csv")}
    assert table[f"x/test{joint}A/9.png"] == {
        "source": f"x/test{joint}A/9.png",
        "target": f"x/test{joint}B/9.png",
        "split": "test",
    }


@pytest.mark.slow
def test_panels_and_pages_become_rows_with_parts(tmp_path, cli):
    for i in range(8):
        save(tmp_path / "x" / f"{i}.png", np.hstack([sketch(i), 255 - photo(i), photo(i)]))
        pages(tmp_path / "y" / f"{i}.tif", sketch(i), photo(i))
    done = cli("data", "pair", "x", "--take", "2")
    assert "2. three panels (pairs of 1 and 3)" in done.out
    assert rows(tmp_path / "pairs.csv")[0] == {"source": "x/0.png#column=1/3", "target": "x/0.png#column=3/3"}
    assert cli("data", "pair", "y", "-o", "y.csv").code == 0
    for number, path in enumerate(("pairs.csv", "y.csv")):
        done = cli("run", "pix2pix", "--dataset", path, *TINY, "--name", f"r{number}")
        assert done.code == 0, done.err
        assert "source 64 x 48" in done.err


@pytest.mark.parametrize("folder", ["photos", "nothing", "absent"])
def test_what_makes_no_pairs_is_said(folder, tmp_path, cli):
    (tmp_path / "nothing").mkdir()
    for i in range(6):
        save(tmp_path / "photos" / f"{i}.png", photo(i))
    done = cli("data", "pair", folder)
    assert done.code == 3
    words = {"photos": "it looks like photos without partners", "nothing": "0 pictures", "absent": "no such folder"}
    assert words[folder] in done.err
    assert not (tmp_path / "pairs.csv").exists()
