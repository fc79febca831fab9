"""A model's card: valid for the Hub, whole, and without a word about the machine it was written on."""

import getpass
import json
import re
import socket

import pytest
from factories import job, pairs
from safetensors.torch import save_file

from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints.model_file import read_metadata
from imtrans.engine.runs.card_text import HUB_LICENCES, escaped, front_matter, hub_licence
from imtrans.engine.runs.model_card import model_card
from imtrans.engine.training import trainer
from imtrans.errors import CheckpointError

QUICK = {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"}
NUMBER = {"value": 21.5, "low": 20.25, "high": 22.75, "baseline": 12.0, "higher_is_better": True}
EVALUATION = {"protocol": "image", "version": 1, "hash": "0123456789ab", "split": "val", "pictures": 2}
NASTY = 'a: "b" #c\n---\n- x | <b>&amp;</b> `[y](z)` \u2028 \x85 \x07 \U0001f600 é'


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    top = tmp_path_factory.mktemp("cards")
    run = top / "runs" / "fronts"
    trainer.fit(job(run, QUICK, dataset=pairs(top / "pictures")))
    return next(run.glob("step-*"))


@pytest.fixture
def evaluated(trained):
    """The checkpoint with a stored evaluation: a number with an interval, one without, one that is infinite."""
    plain = {**NUMBER, "low": None, "high": None, "baseline": None}
    record = {**EVALUATION, "numbers": {"psnr": NUMBER, "fid_x": plain, "ssim": {**NUMBER, "value": "inf"}}}
    path = trained.parent / "evaluation" / "image-v1-0123456789ab" / f"{trained.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**record, "notes": [f"weights in {trained}"], "checkpoint": str(trained)}))
    yield trained
    path.unlink()


def matter(text):
    """The front matter as the Hub's own library reads it."""
    hub = pytest.importorskip("huggingface_hub")
    return hub.ModelCard(text).data


def test_the_front_matter_is_what_the_hub_reads(evaluated):
    data = matter(model_card(evaluated, licence="CC BY 4.0"))
    assert (data.license, data.library_name, data.pipeline_tag) == ("cc-by-4.0", "imtrans", "image-to-image")
    assert {"imtrans", "pix2pix"} <= set(data.tags)
    assert data.datasets is None  # a folder of one's own is no public set
    assert {(r.metric_type, r.metric_value, r.dataset_split) for r in data.eval_results} == {
        ("psnr", 21.5, "val"),
        ("fid_x", 21.5, "val"),
    }


def test_the_text_has_training_figures_with_intervals_and_use(evaluated):
    text = model_card(evaluated, samples=["samples/step-000001.png"])
    assert "- Pairs: train 7, val 2" in text
    assert "Protocol image v1, hash `0123456789ab`, 2 pictures of the split val. In brackets: 95 % intervals." in text
    assert "| psnr | 21.5 (20.25 to 22.75) | higher | 12 |" in text
    assert "| fid_x | 21.5 | higher |  |" in text
    assert "inf" not in text.split("## Figures")[1].split("##")[0]
    assert "![Source, prediction, target](samples/step-000001.png)" in text
    assert "imtrans translate model.safetensors" in text
    assert 'imtrans.load("hf:me/fronts")' in model_card(evaluated, repo="me/fronts")
    assert "- Seed: 0" in text


def test_without_evaluation_and_licence_both_are_said(trained):
    text = model_card(trained)
    assert "No evaluation of this checkpoint is stored." in text
    assert "no licence is given" in text
    assert matter(text).license is None
    assert matter(text).eval_results is None


def test_a_file_alone_has_a_card(trained, tmp_path):
    path = tmp_path / "house fronts.safetensors"
    path.write_bytes((trained / "model.safetensors").read_bytes())
    assert "\n# house fronts\n" in model_card(path)


def test_nothing_of_the_machine_is_in_it(evaluated, tmp_path_factory):
    text = model_card(evaluated, samples=["samples/a.png"])
    words = set(re.findall(r"[\w.-]+", text))
    assert not words & {socket.gethostname(), getpass.getuser()}
    assert str(tmp_path_factory.getbasetemp()) not in text
    assert not re.search(r"(?<![\w.:/])/\w+/\w+", text)


def test_texts_of_others_break_neither_yaml_nor_markdown(evaluated):
    text = model_card(evaluated, licence=NASTY, samples=["samples/a) ![x](b.png"])
    data = matter(text)
    assert data.license == "other"
    assert re.fullmatch(r"[a-z0-9.+-]+", data.license_name)
    assert "samples/a%29%20%21%5Bx%5D%28b.png)" in text
    assert text.count("\n---\n") == 1
    assert "\x07" not in text


def test_front_matter_keeps_every_text_that_yaml_could_misread():
    yaml = pytest.importorskip("yaml")
    values = ["no", "1.0", "null", "a: b", "- x", "#", "é\U0001f600", 'q"\\', "{}", "", "x\ud800"]
    read = yaml.safe_load(front_matter({"tags": values, "n": {"deep": 1.5}}).strip("-"))
    assert read == {"tags": [*values[:-1], "x\\ud800"], "n": {"deep": 1.5}}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("mit", {"license": "mit"}),
        ("CC-BY-NC 4.0", {"license": "cc-by-nc-4.0"}),
        ("CC0", {"license": "cc0-1.0"}),
        ("For research only", {"license": "other", "license_name": "for-research-only"}),
        ("研究用", {"license": "other", "license_name": "custom"}),
        (" ", {}),
    ],
)
def test_a_licence_is_one_of_the_hubs_or_other_with_a_name(text, keys):
    assert hub_licence(text) == keys
    assert keys.get("license", "other") in HUB_LICENCES


def test_markdown_of_others_is_shown_as_it_is():
    assert escaped("a|b <i> *c* _d_ e_f [g](h)\n# i") == r"a\|b \<i\> \*c\* \_d\_ e_f \[g\](h) \# i"


def test_needed_plugins_are_named_with_how_to_get_them(trained, tmp_path):
    """Another file of the same model, as if two plugins had a part in it."""
    entries = {
        "imtrans-x:x": {"distribution": "imtrans-x", "version": "2", "target": "x", "needed": True},
        "own:own": {"distribution": "own", "version": "", "target": "own.py", "needed": True},
        "imtrans-y:y": {"distribution": "imtrans-y", "version": "2", "target": "y", "needed": False},
    }
    metadata = read_metadata(trained) | {"plugins": entries}
    tensors = checkpoints_io.read_tensors(trained / "model.safetensors")
    path = tmp_path / "other.safetensors"
    save_file(tensors, path, metadata={"imtrans": json.dumps(metadata)})
    text = model_card(path)
    assert "python -m pip install imtrans-x\nimtrans -p PATH/own.py translate" in text
    assert "- Needs the plugin: own.py (a file, which its author has)" in text
    assert "imtrans-y" not in text
    save_file(tensors, path, metadata={"imtrans": json.dumps(metadata | {"config": {}})})
    with pytest.raises(CheckpointError, match="has no readable description"):
        model_card(path)
