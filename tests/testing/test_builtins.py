"""Every built-in component passes the check of its kind, made small; there is none that is not checked."""

from typing import Any

import pytest
import torch

import imtrans.testing
from imtrans.errors import NotInstalledError
from imtrans.plugins.catalog import LISTED_KINDS, Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.discovery import Selection, discover
from imtrans.testing import check_dataset, plugin_file

KINDS = {"recipe": {"generator.width": 2, "discriminator.width": 2}}
HD = {"width": 4, "downs": 2, "blocks": 1}
UNET = {"depth": 3, "width": 4, "exports": False}
SMALL: dict[tuple[str, str], dict[str, Any]] = {
    **{("generator", name): UNET for name in ("unet64", "unet128", "unet256", "encoder-decoder")},
    **{("generator", name): {"width": 4, "exports": False} for name in ("resnet6", "resnet9")},
    ("generator", "unet3d"): {"width": 4, "depth": 2, "size": 16},
    ("discriminator", "patchgan3d"): {"width": 4, "size": 32},
    ("generator", "ensemble"): {"of": ComponentRef("unet64", {"depth": 3, "width": 4}), "members": 2},
    # Photos only, and torch.export cannot follow it.
    ("generator", "lite0-painter"): {"width": 8, "channels": ((3, 3), (3, 6)), "exports": False},
    **{("discriminator", f"patchgan{n}"): {"width": 4} for n in (16, 34, 70, 94, 142)},
    ("discriminator", "patchgan286"): {"width": 2, "size": 128},
    ("loss", "l1"): {"known": [(0.5, 0.0, 0.5), (-1.0, 1.0, 2.0)]},
    ("loss", "mse"): {"known": [(0.5, 0.0, 0.25), (-1.0, 1.0, 4.0)]},
    ("loss", "pyramid-l1"): {"known": [(0.5, 0.0, 0.5), (-1.0, 1.0, 2.0)]},
    ("metric", "cycle-l1"): {"extras": {"cycle": torch.zeros(2, 3, 32, 32)}},
    ("metric", "ms-ssim"): {"size": 176},
    ("loss", "ms-ssim"): {"size": 161},
    ("loss", "focal-frequency"): {"is_differentiable": False},  # its weights have no gradient
    ("generator", "pix2pixhd-global"): {**HD, "exports": False},
    ("generator", "pix2pixhd-local"): {**HD, "local_blocks": 1, "exports": False},
    ("discriminator", "multiscale"): {"width": 4},
    ("discriminator_augmentation", "ada"): {"start": 0.5, "kimg": 0.3},
    ("dataset", "toy"): {"pairs": 4},
    ("dataset", "cad"): {"pairs": 4},
    ("dataset", "day2night"): {"days": 4, "nights": 3},
    ("observer", "wandb"): {"mode": "offline"},
    ("exporter", "onnx"): {"dtypes": ["fp32"]},
}
DEPTH = {"generator.depth": 4}
ENCODER = {"generator.encoder": "test_resnet", "generator.pretrained": False, "generator.width": 4}
CYCLE = {f"{way}{slot}.width": 2 for way in ("", "backward_") for slot in ("generator", "discriminator")}
RECIPES = {
    **{
        name: {**KINDS["recipe"], "generator.blocks": 1, "method.patches": 16}
        for name in ("cut", "fastcut", "cut-small")
    },
    **{
        name: {**CYCLE, "generator.blocks": 1, "backward_generator.blocks": 1}
        for name in ("cyclegan", "cyclegan-small")
    },
    "pix2pixhd": {"generator.downs": 2, "generator.blocks": 1, **KINDS["recipe"]},
    "reggan": {"generator.blocks": 1, "registration.width": 4, **KINDS["recipe"]},
    "regression": ENCODER,
    "label-scorer": {"generator": "unet64", **DEPTH, **KINDS["recipe"]},
    "pix2pix-mish3": {**DEPTH, **KINDS["recipe"], "generator.decoder_activation": ["mish", "mish", "relu"]},
    "pencil2color": {**DEPTH, **KINDS["recipe"], "generator.dropout_blocks": 1},
}
FAST = {"unet64", "resnet6", "patchgan16", "pix2pix"}  # of kinds whose checks take seconds
SLOW = {"generator", "discriminator", "recipe", "exporter"}
SLOW_NAMES = {"lite0-distance", "lite0-frechet", "lite0-kernel", "wandb", "tensorboard"}  # they import other frameworks
OF_SETS = {"cifar10", "coco-sample"}
# With files that their own tests make, where they are checked.
ELSEWHERE = {
    ("metric", "fid"): "plugins/metrics/test_metrics_networks.py",
    ("metric", "kid"): "plugins/metrics/test_metrics_networks.py",
    ("metric", "lpips"): "plugins/metrics/test_metrics_networks.py",
    ("metric", "segmentation"): "plugins/segmentation/test_segmentation_networks.py",
    ("network", "patch-mlp"): "plugins/test_cut.py",  # it sees no pictures: by check_method, with its generator
    ("network", "fcn8s"): "plugins/segmentation/test_segmentation_networks.py",
    ("network", "label-translator"): "plugins/segmentation/test_segmentation_networks.py",
    ("importer", "junyanz"): "engine/importing/test_weight_import.py",
    ("loss", "vgg19-perceptual"): "plugins/networks/test_pix2pixhd.py",
    ("dataset", "hf"): "plugins/hf/test_hf_dataset.py",
    ("dataset", "shards"): "plugins/shards/test_pack.py",
    ("exporter", "web"): "serving/test_web_export.py",
    ("method", "conditional-gan"): "plugin_system/test_contracts.py",
    ("method", "cut"): "plugins/test_cut.py",
    ("method", "cyclegan"): "plugins/test_cyclegan.py",
    ("network", "flow-unet"): "plugins/test_registration.py",  # it sees two pictures at once
    ("method", "reggan"): "plugins/test_registration.py",
    ("dataset", "scenes"): "plugins/science/test_scenes.py",
    ("dataset", "volumes"): "plugins/science/test_volumes.py",
    ("format", "geotiff"): "plugins/science/test_geotiff.py",
    ("format", "nifti"): "plugins/science/test_nifti.py",
    ("format", "metaimage"): "plugins/science/test_metaimage.py",
    ("format", "dicom"): "plugins/science/test_dicom.py",
    ("format", "ome-tiff"): "plugins/science/test_ome_tiff.py",
    ("format", "ome-zarr"): "plugins/science/test_ome_zarr.py",
    ("dataset", "slides"): "plugins/science/test_slides.py",
    ("method", "regression"): "plugins/test_regression.py",
}
ENTRIES = [(e.kind, e.name) for e in Catalog(discover(Selection(others=False)).records).entries()]


def case(kind: str, name: str) -> Any:
    is_slow = (kind in SLOW and name not in FAST) or name in SLOW_NAMES
    return pytest.param(kind, name, id=f"{kind}-{name}", marks=[pytest.mark.slow] if is_slow else [])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.onnx", "ignore::DeprecationWarning:copyreg")
@pytest.mark.parametrize(("kind", "name"), [case(*entry) for entry in ENTRIES if entry not in ELSEWHERE])
def test_a_built_in_keeps_its_contract(kind, name, sets, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    with plugin_file():
        if kind == "dataset" and (kind, name) not in SMALL:
            check_dataset(name, size=(32,), **options_of_set(name, sets))
            return
        check = getattr(imtrans.testing, f"check_{kind}")
        settings = RECIPES.get(name, {**DEPTH, **KINDS["recipe"]})
        try:
            check(name, settings) if kind == "recipe" else check(name, **SMALL.get((kind, name), {}))
        except NotInstalledError as error:
            pytest.skip(error.what)


def options_of_set(name, sets):
    if name == "folder":
        return {"path": str(sets / "facades")}
    if name == "unpaired":
        return {"path": str(sets / "horse2zebra")}
    named = {path.name for path in sets.iterdir()}
    return {"root": str(sets if name in named else sets / "photos")}


@pytest.mark.slow
def test_the_built_in_generators_are_exported_for_all_sizes():
    imtrans.testing.check_generator("unet64", channels=[(3, 3)], depth=3, width=4, learns=False)


def test_what_is_checked_elsewhere_is():
    from pathlib import Path

    for (kind, name), file in ELSEWHERE.items():
        text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
        check = "method" if name == "patch-mlp" else kind
        assert f"check_{check}(" in text, f"{kind} {name}: {file}"


def test_every_kind_has_a_check():
    missing = [kind for kind in LISTED_KINDS if not hasattr(imtrans.testing, f"check_{kind}")]
    assert missing == []
