"""`imtrans import`: other people's weights come in whole, and nothing that a file asks for is ever run."""

import io
import os
import pickle
import struct
import tarfile
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import imtrans
from imtrans.engine.importing import safe_pickle, weight_import
from imtrans.errors import CheckpointError
from imtrans.kit.nn import inference
from imtrans.testing import check_importer

WIDTH = 4
AGAIN = "torch.save(network.state_dict(), 'weights.pth')"


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """The same reader without the process around it, which takes seconds to import torch (test_pickle_sandbox.py)."""
    monkeypatch.setattr(weight_import.pickle_sandbox, "read", safe_pickle.read)


class Skip(nn.Module):
    """A block of the U-Net of pytorch-CycleGAN-and-pix2pix, by its numbers of layers."""

    def __init__(self, outer, inner, *, given=None, inside=None, norm=nn.BatchNorm2d, is_outermost=False, drop=False):
        super().__init__()
        self.is_outermost, bias = is_outermost, norm is nn.InstanceNorm2d
        down = nn.Conv2d(given or outer, inner, 4, 2, 1, bias=bias)
        feed = inner * (2 if inside else 1)
        up = nn.ConvTranspose2d(feed, outer, 4, 2, 1, bias=bias or is_outermost)
        if is_outermost:
            layers = [down, inside, nn.ReLU(), up, nn.Tanh()]
        elif inside:
            layers = [nn.LeakyReLU(0.2), down, norm(inner), inside, nn.ReLU(), up, norm(outer)]
            layers += [nn.Dropout(0.5)] if drop else []
        else:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm(outer)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.is_outermost else torch.cat([x, self.model(x)], 1)


class Wrapped(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


def unet(depth, norm=nn.BatchNorm2d, source=3, target=3, width=WIDTH):
    """Their unet_128 (7 downsampling stages) and unet_256 (8)."""
    block = Skip(8 * width, 8 * width, norm=norm)
    for _ in range(depth - 5):
        block = Skip(8 * width, 8 * width, inside=block, norm=norm, drop=True)
    for factor in (4, 2, 1):
        block = Skip(factor * width, 2 * factor * width, inside=block, norm=norm)
    return Wrapped(Skip(target, width, given=source, inside=block, norm=norm, is_outermost=True))


class Residual(nn.Module):
    def __init__(self, width, norm, bias, drop):
        super().__init__()
        half = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]
        other = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]
        self.conv_block = nn.Sequential(*half, nn.ReLU(), *([nn.Dropout(0.5)] if drop else []), *other)

    def forward(self, x):
        return x + self.conv_block(x)


def resnet(blocks, norm=nn.InstanceNorm2d, *, drop=False, width=WIDTH):
    """Their resnet_6blocks and resnet_9blocks."""
    bias, w = norm is nn.InstanceNorm2d, width
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, w, 7, bias=bias), norm(w), nn.ReLU()]
    for n in (w, 2 * w):
        layers += [nn.Conv2d(n, 2 * n, 3, 2, 1, bias=bias), norm(2 * n), nn.ReLU()]
    layers += [Residual(4 * w, norm, bias, drop) for _ in range(blocks)]
    for n in (4 * w, 2 * w):
        up = nn.ConvTranspose2d(n, n // 2, 3, 2, 1, output_padding=1, bias=bias)
        layers += [up, norm(n // 2), nn.ReLU()]
    return Wrapped(nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh()))


def patchgan(layers=3, inputs=6, norm=nn.BatchNorm2d, width=WIDTH):
    """Their basic (3) and n_layers discriminators."""
    bias = norm is nn.InstanceNorm2d
    made, given = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2)], width
    for n in range(1, layers + 1):
        wide = width * min(2**n, 8)
        made += [nn.Conv2d(given, wide, 4, 2 if n < layers else 1, 1, bias=bias), norm(wide), nn.LeakyReLU(0.2)]
        given = wide
    return Wrapped(nn.Sequential(*made, nn.Conv2d(given, 1, 4, 1, 1)))


def drawn(network):
    """The network with weights, norms included, that no default would give."""
    torch.manual_seed(0)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.5 if name.endswith("running_var") else torch.randn_like(value) * 0.2)
    return network


def saved(path, network, **changes):
    torch.save({**network.state_dict(), **changes}, path)
    return str(path)


GENERATORS = {
    "unet_128": (lambda: unet(7), 128),
    "unet_256": (lambda: unet(8), 256),
    "unet_256 with instance norm": (lambda: unet(8, nn.InstanceNorm2d), 256),
    "unet_256 from one channel to two": (lambda: unet(8, source=1, target=2), 256),
    "resnet_6blocks": (lambda: resnet(6), 32),
    "resnet_9blocks": (lambda: resnet(9), 32),
    "resnet_9blocks with batch norm and dropout": (lambda: resnet(9, nn.BatchNorm2d, drop=True), 32),
}


@pytest.mark.parametrize("source", [3, 1])
def test_the_importer_keeps_the_contract(source):
    generator = drawn(unet(7, source=source)).state_dict()
    judge = drawn(patchgan(inputs=source + 3)).state_dict()
    check_importer("junyanz", {"g.pth": generator, "d.pth": judge})


@pytest.mark.slow
@pytest.mark.parametrize("kind", GENERATORS)
def test_a_generator_translates_as_it_did_where_it_was_made(kind, cli, tmp_path):
    make, size = GENERATORS[kind]
    original = drawn(make())
    done = cli("import", saved(tmp_path / "g.pth", original), "--name", "mine")
    assert done.code == 0, done.err
    assert "discriminator: not in the files, newly initialised" in done.out
    model = imtrans.load("mine").model
    x = torch.rand(1, model.data_spec.source.channels, size, size) * 2 - 1
    for norm in ("batch", "running"):
        with inference([original, model.networks["generator"]], norm=norm, dropout=False):
            torch.testing.assert_close(model.method.translate(x), original(x), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "inputs", "norm"), [(3, 6, nn.BatchNorm2d), (1, 6, nn.BatchNorm2d), (3, 3, nn.InstanceNorm2d)]
)
def test_a_discriminator_comes_with_its_generator_and_judges_as_it_did(layers, inputs, norm, cli, tmp_path):
    original = drawn(patchgan(layers, inputs, norm))
    files = [saved(tmp_path / "d.pth", original), saved(tmp_path / "g.pth", drawn(resnet(6)))]
    assert cli("import", *files, "--name", "mine").code == 0
    judge = imtrans.load("mine", has_discriminators=True).model.networks["discriminator"]
    x, y = torch.rand(2, 1, 3, 64, 64) * 2 - 1
    seen = y if inputs == 3 else torch.cat([x, y], 1)
    with inference([original, judge], norm="running"):
        torch.testing.assert_close(judge(x, y).logits[0], original(seen), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_it_is_a_run_like_any_other(cli, tmp_path):
    (tmp_path / "facades pretrained").mkdir()
    file = saved(tmp_path / "facades pretrained" / "latest_net_G.pth", drawn(unet(7)))
    done = cli("import", file)
    assert (done.code, done.err) == (0, "")
    assert "a U-Net of 7 downsampling stages (batch norm)" in done.out
    Image.fromarray(np.full((30, 40, 3), 99, np.uint8)).save(tmp_path / "a.png")
    assert cli("translate", "facades-pretrained", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")).code == 0
    with Image.open(tmp_path / "out" / "a.png") as made:
        assert made.size == (40, 30)
    assert cli("import", file).code == 0
    assert (tmp_path / "runs" / "facades-pretrained-2" / "step-000000").is_dir()
    taken = cli("import", file, "--name", "facades-pretrained")
    assert taken.code == 2
    assert "exists" in taken.err
    resumed = cli("resume", "facades-pretrained")
    assert resumed.code == 4
    assert "was imported" in resumed.err
    assert len(resumed.err.splitlines()) <= 3
    assert "Traceback" not in resumed.err
    compared = cli("compare", "facades-pretrained")
    assert (compared.code, compared.err) == (0, "")
    assert "imported" in compared.out
    picture = np.random.default_rng(0).integers(0, 256, (16, 32, 3), dtype=np.uint8)
    for split in ("train", "val"):
        (tmp_path / "pairs" / split).mkdir(parents=True)
        Image.fromarray(picture).save(tmp_path / "pairs" / split / "1.png")
    judged = cli("evaluate", "facades-pretrained", "--dataset", "pairs", "--protocol", "aerial-map")
    assert judged.code == 0, judged.err
    assert "1 of 1 pictures" in judged.out


@pytest.mark.slow
def test_the_policy_may_be_chosen(cli, tmp_path):
    file = saved(tmp_path / "g.pth", drawn(unet(7)))
    assert cli("import", file, "--name", "a").code == 0
    assert cli("import", file, "--name", "b", "--set", "inference.dropout=false").code == 0
    assert [imtrans.load(n).model.config.inference.dropout for n in "ab"] == [True, False]
    blocks = [b.dropout_blocks for b in [imtrans.load("a").model.config.parts["generator"][0].options]]
    assert blocks == [(2, 3)]  # the innermost block of theirs has none


@pytest.mark.slow
def test_files_of_several_devices_and_of_old_versions_come_in(cli, tmp_path):
    network = drawn(resnet(6))
    wrapped = {f"module.{k}": v for k, v in network.state_dict().items()}
    statistics = {"module.model.2.running_mean": torch.zeros(WIDTH), "module.model.2.running_var": torch.ones(WIDTH)}
    torch.save({**wrapped, **statistics}, tmp_path / "g.pth", _use_new_zipfile_serialization=False)
    done = cli("import", str(tmp_path / "g.pth"), "--name", "mine")
    assert done.code == 0, done.err
    own = imtrans.load("mine").model.networks["generator"].state_dict()
    assert torch.equal(own["first.0.weight"], network.state_dict()["model.1.weight"])


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("prefix", ["_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module._orig_mod."])
def test_weights_of_a_compiled_network_are_the_same_weights(prefix, ending, cli, tmp_path):
    state = drawn(resnet(6)).state_dict()
    # As where the whole network and one block of it were compiled.
    wrapped = {f"{prefix}{k}".replace("model.10.", "model.10._orig_mod."): v for k, v in state.items()}
    assert sum("model.10._orig_mod.conv_block" in k for k in wrapped) == 4
    file = tmp_path / f"g.{ending}"
    (torch.save if ending == "pth" else save_file)(wrapped, file)
    done = cli("import", str(file), "--name", "mine")
    assert done.code == 0, done.err
    network = imtrans.load("mine").model.networks["generator"].state_dict()
    assert torch.equal(network["blocks.0.0.weight"], state["model.10.conv_block.1.weight"])


def test_weights_that_are_missing_or_too_many_are_named_and_counted(cli, tmp_path):
    state = unet(7).state_dict()
    gone = "model.model.1.model.2.running_mean"
    torch.save({k: v for k, v in state.items() if k != gone}, tmp_path / "less.pth")
    torch.save({**state, "a.b": torch.ones(2), "a.c": torch.ones(2)}, tmp_path / "more.pth")
    less, more = (cli("import", str(tmp_path / f"{n}.pth")) for n in ("less", "more"))
    assert (less.code, more.code) == (4, 4)
    assert f"is a U-Net of 7 downsampling stages (batch norm), but lacks 1 weights: {gone}" in less.err
    assert "has besides 2 weights: a.b, a.c" in more.err
    torch.save({**state, "model.model.1.model.1.weight": torch.ones(3, 3, 4, 4)}, tmp_path / "shape.pth")
    shape = cli("import", str(tmp_path / "shape.pth"))
    assert shape.code == 4
    assert "1 weights do not fit generator unet128: encoder.1.1.weight" in shape.err
    assert not list((tmp_path / "runs").glob("*")) if (tmp_path / "runs").exists() else True


def test_what_is_no_generator_alone_is_told(cli, tmp_path):
    alone = cli("import", saved(tmp_path / "d.pth", patchgan()))
    other = cli("import", saved(tmp_path / "x.pth", nn.Linear(2, 2)))
    three = cli("import", *(saved(tmp_path / f"{n}.pth", resnet(6)) for n in "ghi"))
    odd = cli("import", saved(tmp_path / "g.pth", resnet(6)), saved(tmp_path / "e.pth", patchgan(inputs=5)))
    assert [d.code for d in (alone, other, three, odd)] == [4, 4, 4, 4]
    assert "imtrans import latest_net_G.pth" in alone.err
    assert "none of the importers (junyanz) knows these weights: bias, weight" in other.err
    assert "3 generators" in three.err
    assert "takes 5 channels" in odd.err


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: unet(7), lambda: resnet(6)], ids=["unet", "resnet"])
def test_any_weight_of_another_shape_is_refused(make, catalog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state, refused = make().state_dict(), 0
    for key in list(state)[::11]:
        for value in (torch.ones(()), torch.ones(2)):
            torch.save({**state, key: value}, "g.pth")
            if state[key].shape != value.shape:
                with pytest.raises(CheckpointError):
                    weight_import.import_run([Path("g.pth")], catalog=catalog, plugins={})
                refused += 1
    assert refused > 4
    assert not Path("runs").exists()


def test_a_weight_that_is_not_finite_is_named(cli, tmp_path):
    network = drawn(resnet(6))
    network.state_dict()["model.1.bias"][0] = float("nan")
    done = cli("import", saved(tmp_path / "g.pth", network))
    assert done.code == 4
    assert "model.1.bias holds values that are not finite" in done.err


def test_a_width_that_the_file_does_not_hold_takes_no_memory(cli, tmp_path):
    """One number seen a million million times over: names and shapes alone must not make us reserve anything."""
    huge = torch.zeros(1).expand(10**6, 3, 7, 7)
    done = cli("import", saved(tmp_path / "g.pth", resnet(6), **{"model.1.weight": huge}))
    assert done.code == 4
    assert "more numbers than it has bytes for" in done.err


class Call:
    """Pickles to a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def zipped(path, data, *, compression=zipfile.ZIP_STORED, extra=()):
    """A file as torch.save writes it, around any pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (("archive/data.pkl", data), ("archive/version", b"3\n"), *extra):
            archive.writestr(name, content)


def old(path, data):
    """A file as torch.save wrote it before 1.6."""
    parts = [pickle.dumps(v, protocol=2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path.write_bytes(b"".join(parts) + data + pickle.dumps([], protocol=2))


def malicious(canary):
    """Name, the global that must be told, and what writes the file: all of them would make `canary`."""
    touch = f"touch {canary}"
    system = Call(os.system, touch)
    name = f"{os.system.__module__}.system"
    for protocol in range(6):
        data = pickle.dumps({"model.1.weight": system}, protocol=protocol)
        yield f"zip, protocol {protocol}", name, lambda p, d=data: zipped(p, d)
        yield f"old, protocol {protocol}", name, lambda p, d=data: old(p, d)
    yield "bare pickle", name, lambda p: p.write_bytes(pickle.dumps(system))
    raw = f"cos\nsystem\n(S'{touch}'\ntR.".encode()
    yield "GLOBAL and REDUCE by hand", "os.system", lambda p: zipped(p, raw)
    inst = f"(S'{touch}'\nios\nsystem\n.".encode()
    yield "INST", "os.system", lambda p: zipped(p, inst)
    stack = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x8c" + bytes([len(touch)]) + touch.encode() + b"\x85R."
    yield "STACK_GLOBAL", "os.system", lambda p: zipped(p, stack)
    memo = (
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93\x8c" + bytes([len(touch)]) + touch.encode() + b"\x85R."
    )
    yield "STACK_GLOBAL of memoised names", "os.system", lambda p: zipped(p, memo)
    code = f"open({str(canary)!r}, 'w').close()"
    yield "eval", "__builtin__.eval", lambda p: zipped(p, pickle.dumps(Call(eval, code), protocol=2))
    yield "exec", "__builtin__.exec", lambda p: old(p, pickle.dumps(Call(exec, code), protocol=2))
    got = b"cbuiltins\ngetattr\n(cos\nS'system'\ntR."
    yield "getattr", "builtins.getattr", lambda p: zipped(p, got)
    inner = io.BytesIO()
    torch.save({"a": system}, inner)
    nested = (
        b"ctorch.storage\n_load_from_bytes\n(B" + struct.pack("<I", len(inner.getvalue())) + inner.getvalue() + b"tR."
    )
    yield "weights in weights", "torch.storage._load_from_bytes", lambda p: zipped(p, nested)
    after = pickle.dumps({"w": 1}, protocol=2)[:-1] + b"0" + pickle.dumps(system, protocol=2)[2:]
    yield "behind what is harmless", name, lambda p: zipped(p, after)
    yield "in the keys of the storages", name, lambda p: old_keys(p, pickle.dumps(system, protocol=2))
    yield "compressed", "compressed", lambda p: zipped(p, pickle.dumps(system), compression=zipfile.ZIP_DEFLATED)
    yield "two pickles", "2 pickles", lambda p: zipped(p, raw, extra=[("other/data.pkl", raw)])
    yield "TorchScript", "TorchScript", lambda p: zipped(p, raw, extra=[("archive/constants.pkl", raw)])
    yield "tar", "tar archive", lambda p: tarred(p, raw)
    yield "7z", "7z archive", lambda p: p.write_bytes(b"7z\xbc\xaf\x27\x1c" + raw)
    yield "gzip", "gzip archive", lambda p: p.write_bytes(b"\x1f\x8b" + raw)
    yield "pickle before a zip", "before its zip archive", lambda p: prefixed(p, raw)
    yield "extension", "copyreg extension", lambda p: zipped(p, b"\x80\x02\x82\x01.")


def old_keys(path, data):
    parts = [pickle.dumps(v, protocol=2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {})]
    path.write_bytes(b"".join(parts) + data)


def tarred(path, data):
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("pickle")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))


def prefixed(path, data):
    zipped(path, data)
    path.write_bytes(data + path.read_bytes())


def test_no_pickle_runs_anything_and_each_is_told_what_it_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    canary, file = tmp_path / "canary", tmp_path / "evil.pth"
    attacks = list(malicious(canary))
    assert len(attacks) >= 25
    for name, wanted, write in attacks:
        write(file)
        with pytest.raises(CheckpointError) as caught:
            safe_pickle.read(file)
        assert wanted in caught.value.what, f"{name}: {caught.value}"
        assert caught.value.hint
        assert len(str(caught.value).splitlines()) <= 3, name
        assert not canary.exists(), name
    assert pickle.loads(pickle.dumps({"a": 1})) == {"a": 1}
    os.system(f"touch {canary}")  # the canary is one: what the files ask for would have made it
    assert canary.exists()


def test_torch_alone_would_have_run_one_of_them(tmp_path):
    canary, file = tmp_path / "canary", tmp_path / "evil.pth"
    next(write for name, _, write in malicious(canary) if name == "zip, protocol 2")(file)
    torch.load(file, weights_only=False)
    assert canary.exists()


@pytest.mark.slow
def test_the_command_refuses_with_exit_code_4_whatever_torch_is_told(subprocess_cli, tmp_path):
    canary = tmp_path / "canary"
    zipped(tmp_path / "evil.pth", pickle.dumps(Call(os.system, f"touch {canary}"), protocol=2))
    done = subprocess_cli("import", "evil.pth", env={"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"})
    assert done.code == 4
    assert f"Error: evil.pth: asks for {os.system.__module__}.system when it is read" in done.err
    assert len(done.err.splitlines()) == 2
    assert not canary.exists()
    assert not (tmp_path / "runs").exists()


def test_whole_modules_are_told_from_weights(tmp_path):
    torch.save(nn.Sequential(nn.Conv2d(1, 1, 1)), tmp_path / "whole.pth")
    with pytest.raises(CheckpointError, match="is a whole module") as caught:
        safe_pickle.read(tmp_path / "whole.pth")
    assert AGAIN in caught.value.hint


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no pickled weights"),
        (b"hello", "holds no pickled weights"),
        (pickle.dumps([1, 2], protocol=2), "cannot be read as weights"),
    ],
    ids=["empty", "text", "a list"],
)
def test_other_files_are_told(content, told, tmp_path):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=told):
        safe_pickle.read(tmp_path / "a.pth")


@pytest.mark.parametrize("value", [[1, 2], {}, {"a": 3}, {"a": {"b": torch.ones(1)}}, torch.ones(2)], ids=repr)
def test_pickles_that_hold_no_weights_by_name_are_told(value, tmp_path):
    torch.save(value, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds a"):
        safe_pickle.read(tmp_path / "a.pth")


@pytest.mark.parametrize("is_new", [True, False], ids=["zip", "old"])
def test_a_file_cut_off_anywhere_is_refused_and_never_a_traceback(is_new, tmp_path):
    whole, cut = tmp_path / "whole.pth", tmp_path / "cut.pth"
    torch.save({"a": torch.arange(4.0), "b": torch.ones(2, 3)}, whole, _use_new_zipfile_serialization=is_new)
    data = whole.read_bytes()
    assert set(safe_pickle.read(whole)) == {"a", "b"}
    for end in range(0, len(data) - 1, max(1, len(data) // 25)):
        cut.write_bytes(data[:end])
        with pytest.raises(CheckpointError):
            safe_pickle.read(cut)


def test_a_run_points_from_a_pickled_file_to_the_import(cli, tmp_path):
    (tmp_path / "a.ckpt").write_bytes(b"x")
    done = cli("translate", "a.ckpt", "x.png", "-o", "out")
    assert done.code == 4
    assert "imtrans import a.ckpt" in done.err
    missing = cli("import", "nowhere.pth")
    assert missing.code == 4
    assert "nowhere.pth: No such file" in missing.err


def test_c22_torch_is_new_enough_for_reading_pickles():
    """Before 2.10 weights_only had holes; the floor is one release above that."""
    told = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    floor = next(d for d in told if d.startswith("torch>="))
    assert tuple(int(n) for n in floor.removeprefix("torch>=").split(".")) >= (2, 11)
