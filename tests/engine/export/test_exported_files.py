"""Exported files in their own runtimes, of every kind of model that ships."""

import json

import numpy as np
import pytest
import torch
from factories import config, fitting
from torch import nn

from imtrans.engine import build
from imtrans.engine.build import ComponentFactory
from imtrans.engine.export.files import Exports, export_bytes
from imtrans.engine.export.graph import export_graph
from imtrans.engine.inference.translator import Translator
from imtrans.errors import ConfigError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images.color import AB, LIGHTNESS
from imtrans.plugins.component import ComponentRef

pytestmark = pytest.mark.slow  # torch's exporters take seconds for the smallest network
pytest.importorskip("onnxruntime", reason="python -m pip install 'imtrans[export]'")

PAPER = {"inference.norm": "batch", "inference.dropout": "true"}
RUNNING = {"inference.norm": "running", "inference.dropout": "false"}
RESNET = {"generator": "resnet6", "generator.width": "4", "generator.depth": "", "generator.dropout": "0.3"}
LABELS = ImageSpec(kind="labels", channels=1, classes=4, values=(0, 7, 300, 9), void=255)
CLASSES = ImageSpec(kind="labels", channels=1, classes=4)
DEEP = ImageSpec(channels=1, high=65535, bits=16)
FLOATS = ImageSpec(kind="data", channels=5, low=-2, high=3.5, bits=32, clips=True)
# Recipe, settings, data: among them the models cover every layer, policy and kind of data of the built-ins.
MODELS = {
    "running": ("pix2pix", RUNNING, DataSpec()),
    "norm at the bottleneck": ("pix2pix-tf", PAPER, DataSpec()),
    "spectral norm, grey": ("pencil2color", {}, DataSpec(source=ImageSpec(space="grey"))),
    "reflection, channels dropped, labels in": ("sketch2anime", {"inference.dropout": "true"}, DataSpec(source=LABELS)),
    "lab": ("bw2color", {}, DataSpec(source=LIGHTNESS, target=AB)),
    "mish, 16 bits": ("pix2pix-mish3", {}, DataSpec(source=DEEP, target=DEEP)),
    "five channels of floats": ("pix2pix-torch", {}, DataSpec(source=FLOATS, target=FLOATS)),
    "resnet, labels out": ("pix2pix", {**RESNET, **PAPER}, DataSpec(target=CLASSES)),
    "instance norm": ("pix2pix", {**PAPER, "generator.norm": "instance"}, DataSpec()),
}


def model(recipe="pix2pix", settings=None, data_spec=None, *, catalog):
    """A model whose weights are large enough for a wrong layer to show, with running statistics unlike a batch's."""
    pairs = "8" if recipe == "pix2pix" else ""
    chosen = config({**fitting(recipe), "dataset.pairs": pairs, **(settings or {})}, recipe=recipe)
    device = torch.device("cpu")
    made = build.model(chosen, data_spec or DataSpec(), factory=ComponentFactory(catalog), device=device, seed=0)
    random = torch.Generator().manual_seed(0)
    for layer in (layer for network in made.networks.values() for layer in network.modules()):
        if isinstance(layer, nn.modules.conv._ConvNd) and not hasattr(layer, "parametrizations"):
            layer.weight.data.normal_(0, 0.15, generator=random)
        if getattr(layer, "running_mean", None) is not None:
            layer.running_mean.normal_(0, 0.3, generator=random)
            layer.running_var.uniform_(0.5, 2, generator=random)
    return made


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_is_exported_as_it_translates(name, catalog, tmp_path):
    recipe, settings, data_spec = MODELS[name]
    exports = Exports(model(recipe, settings, data_spec, catalog=catalog), catalog=catalog)
    for exporter, suffix in (("onnx", ".onnx"), ("torch", ".pt2")):
        file = exports.write(ComponentRef(exporter), tmp_path / f"model{suffix}")
        assert file.parity.largest < 1e-4
        assert file.parity.in_batch < 1e-4
        if data_spec.target.bits < 32 or data_spec.target.space:
            assert file.parity.stored <= 1
        if exports.model.config.inference.dropout:
            assert file.parity.noise < 1e-4
            assert file.parity.between_seeds > 0.01
    names = ["model.onnx", "model.onnx.json", "model.pt2", "model.pt2.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_a_network_whose_sizes_torch_cannot_follow_is_refused_by_name(catalog):
    with pytest.raises(ConfigError, match=r"torch\.export cannot follow the model's networks for all sizes"):
        export_graph(model("label-scorer", catalog=catalog)).program()


def test_a_network_of_stride_256_takes_every_multiple_the_training_size_included(catalog, tmp_path):
    deep = {**PAPER, "generator.depth": "8", "generator.width": "2", "data.size": "256"}
    exports = Exports(model(settings=deep, catalog=catalog), catalog=catalog)
    graph = export_graph(exports.model)
    random = np.random.default_rng(0)
    for exporter, suffix in (("torch", ".pt2"), ("onnx", ".onnx")):
        maker = ComponentFactory(catalog).make("exporter", ComponentRef(exporter))
        maker.export(graph, tmp_path / f"model{suffix}")
        run = maker.load(tmp_path / f"model{suffix}")
        for size in ((256, 256), (512, 512), (512, 768)):
            inputs = {
                "picture": random.integers(0, 256, (1, *size, 3), dtype=np.uint8),
                "seed": np.array([3], np.int32),
            }
            with torch.no_grad():
                wanted = graph.module(**{k: torch.from_numpy(v) for k, v in inputs.items()})[1].numpy()
            np.testing.assert_allclose(run(inputs)["values"], wanted, atol=1e-4)


def test_an_onnx_file_is_one_file_that_says_what_it_takes_and_has_no_dropout_node(catalog, tmp_path):
    import onnx

    exports = Exports(model(settings=PAPER, catalog=catalog), catalog=catalog, about={"licence": "CC0"})
    path = exports.write(ComponentRef("onnx"), tmp_path / "model.onnx").path
    file = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(file, full_check=True)
    axes = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in file.graph.input}
    assert axes == {"picture": ["batch", "8*h", "8*w", 3], "seed": ["batch"]}
    assert [v.name for v in file.graph.output] == ["translation", "values"]
    types = {node.op_type for node in file.graph.node}
    assert not types & {"Dropout", "RandomUniform", "RandomNormal", "Bernoulli", "BatchNormalization"}
    assert "InstanceNormalization" in types
    (entry,) = file.metadata_props
    metadata = json.loads(entry.value)
    assert entry.key == "imtrans"
    assert {k: metadata[k] for k in ("stride", "noise", "size", "licence", "dtype")} == {
        "stride": 8,
        "noise": True,
        "size": [32, 32],
        "licence": "CC0",
        "dtype": "fp32",
    }
    assert metadata["policy"] == {"norm": "batch", "dropout": True}
    assert not any(t.external_data for t in file.graph.initializer)
    assert b".py" not in path.read_bytes()  # no stack traces, which hold the paths of this machine


@pytest.mark.parametrize(("exporter", "dtype"), [("onnx", "fp16"), ("onnx", "int8"), ("torch", "fp16")])
def test_smaller_types_keep_their_own_bound_and_are_smaller(exporter, dtype, catalog, tmp_path):
    exports = Exports(model(settings={**RUNNING, "generator.width": "32"}, catalog=catalog), catalog=catalog)
    whole = exports.write(
        ComponentRef(exporter), tmp_path / "whole.pt2" if exporter == "torch" else tmp_path / "w.onnx"
    )
    small = exports.write(ComponentRef(exporter), tmp_path / f"small{whole.path.suffix}", dtype=dtype)
    assert small.bytes < whole.bytes * (0.6 if dtype == "fp16" else 0.4)
    assert whole.parity.largest < small.parity.largest < small.bound
    assert json.loads((tmp_path / f"small{whole.path.suffix}.json").read_text())["model"]["dtype"] == dtype


def test_a_loaded_model_becomes_bytes_that_run_under_the_default_options(catalog):
    import onnxruntime

    translator = Translator(model(settings=PAPER, catalog=catalog))
    session = onnxruntime.InferenceSession(export_bytes(translator, "onnx", catalog=catalog))
    picture = np.random.default_rng(0).integers(0, 256, (1, 40, 48, 3), dtype=np.uint8)
    translations = [
        session.run(["translation"], {"picture": picture, "seed": np.array([seed], np.int32)})[0] for seed in (1, 1, 2)
    ]
    assert np.array_equal(translations[0], translations[1])
    assert (translations[0] != translations[2]).mean() > 0.1


def test_a_file_beyond_two_gigabytes_is_refused_by_name(catalog, tmp_path, monkeypatch):
    from imtrans.errors import ResourceError
    from imtrans_export import onnx_file

    monkeypatch.setattr(onnx_file, "LARGEST", 1000)
    exports = Exports(model(settings=RUNNING, catalog=catalog), catalog=catalog)
    with pytest.raises(ResourceError, match=r"one ONNX file holds at most 2 GB"):
        exports.write(ComponentRef("onnx"), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
