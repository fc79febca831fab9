"""`imtrans import` of CycleGAN's and CUT's networks: recognised by their weights, and equal to what they were."""

from pathlib import Path

import numpy as np
import pytest
import torch
from foreign_networks import drawn, patch_critic, patch_layers, residual_net
from PIL import Image
from torch import nn

import imtrans
from imtrans.engine.importing import safe_pickle, weight_import
from imtrans.errors import ConfigError
from imtrans.kit.nn import inference
from imtrans.testing import check_importer


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """The same reader without the process around it, which takes seconds to import torch (test_pickle_sandbox.py)."""
    monkeypatch.setattr(weight_import.pickle_sandbox, "read", safe_pickle.read)


def saved(path, network, **changes):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({**network.state_dict(), **changes}, path)
    return str(path)


def picture(path, size=(40, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)
    return str(path)


def is_same(original, network, *, size=(36, 44), channels=3):
    """Whether both give the same picture, within 1e-5, without dropout."""
    x = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with inference([original, network], dropout=False):
        torch.testing.assert_close(network(x), original(x), rtol=0, atol=1e-5)


SMOOTH = {"smooth_down": True, "smooth_up": True}
GENERATORS = {
    "9 blocks": ({}, "cyclegan", "(instance norm)"),
    "9 blocks with dropout": ({"drop": True}, "cyclegan", "(instance norm, dropout)"),
    "6 blocks": ({"blocks": 6}, "cyclegan", "6 blocks (instance norm)"),
    "9 blocks, smooth": (SMOOTH, "cut", "(instance norm, smooth sampling)"),
    "9 blocks, smooth, with dropout": ({**SMOOTH, "drop": True}, "cut", "(instance norm, smooth sampling, dropout)"),
    "9 blocks, smooth down": ({"smooth_down": True}, "cut", "(instance norm, smooth downsampling)"),
    "6 blocks, smooth up": ({"smooth_up": True, "blocks": 6}, "cut", "(instance norm, smooth upsampling)"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", GENERATORS)
def test_a_generator_alone_is_known_by_its_layers_and_translates_as_it_did(kind, cli, tmp_path):
    options, recipe, words = GENERATORS[kind]
    original = drawn(residual_net(**options))
    done = cli("import", saved(tmp_path / "horse2zebra.pth", original))
    assert done.code == 0, done.err
    assert words in done.out
    model = imtrans.load("horse2zebra").model
    assert model.config.recipe == recipe
    is_same(original, model.networks["generator"])


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("both directions", {"a_net_G_A.pth": residual_net(6), "a_net_G_B.pth": residual_net(6, drop=True)}),
        ("cut", {"g": residual_net(6, **SMOOTH), "d": patch_critic(smooth=True), "f": patch_layers()}),
        ("one direction", {"g": residual_net(6), "d": patch_critic()}),
    ],
)
def test_the_importer_keeps_the_contract(name, files):
    check_importer("junyanz", {file: drawn(network).state_dict() for file, network in files.items()})


def cyclegan_folder(path, **states):
    """The folder of a CycleGAN's training; of earlier states there are other weights."""
    networks = {}
    for seed, name in enumerate(("G_A", "G_B", "D_A", "D_B")):
        make = residual_net if name.startswith("G") else patch_critic
        networks[name] = drawn(make(), seed=seed)
        saved(path / f"latest_net_{name}.pth", networks[name])
        saved(path / f"5_net_{name}.pth", drawn(make(), seed=seed + 9))
    return networks


@pytest.mark.slow
def test_a_folder_of_both_directions_is_one_cyclegan(cli, tmp_path):
    theirs = cyclegan_folder(tmp_path / "checkpoints" / "horses")
    done = cli("import", str(tmp_path / "checkpoints" / "horses"))
    assert (done.code, done.err) == (0, "")
    assert "AtoB is" in done.out
    assert "newly initialised" not in done.out
    networks = imtrans.load("horses", has_discriminators=True).model.networks
    is_same(theirs["G_A"], networks["generator"])
    is_same(theirs["G_B"], networks["backward_generator"])
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    for name, slot in (("D_A", "discriminator"), ("D_B", "backward_discriminator")):
        torch.testing.assert_close(networks[slot](None, x).logits[0], theirs[name](x), rtol=0, atol=1e-5)
    back = imtrans.load("horses", direction="BtoA").model
    is_same(theirs["G_B"], back.method.generator)


@pytest.mark.slow
def test_an_imported_cyclegan_is_a_run_like_any_other(cli, tmp_path):
    cyclegan_folder(tmp_path / "horses")
    assert cli("import", "horses").code == 0
    for side in ("trainA", "trainB", "testA", "testB"):
        for number in range(2):
            picture(tmp_path / "animals" / side / f"{side}{number}.png", (64, 64))
    for line in (
        "translate runs/horses animals/testA -o there",
        "translate runs/horses animals/testB -o back --direction BtoA",
        "evaluate runs/horses --dataset animals --split test",
        "inspect runs/horses",
        "export runs/horses --to torch -o exported",
        "run cyclegan --init runs/horses --dataset animals --name more --steps 1 --set data.size=32 "
        + " ".join(
            f"--set {way}{part}.width=4" for way in ("", "backward_") for part in ("generator", "discriminator")
        ),
    ):
        done = cli(*line.split())
        assert done.code == 0, f"{line}: {done.err}"
    assert "generator: all " in done.out + Path("runs/more/log.txt").read_text()
    with Image.open("back/testB0.png") as made:
        assert made.size == (64, 64)


@pytest.mark.slow
def test_the_order_of_files_without_letters_is_that_of_the_directions(cli, tmp_path):
    one, other = drawn(residual_net(6), seed=1), drawn(residual_net(6), seed=2)
    files = [saved(tmp_path / "z.pth", one), saved(tmp_path / "a.pth", other)]
    done = cli("import", *files, "--name", "both")
    assert "in the order in which they were given" in done.out
    is_same(one, imtrans.load("both").model.networks["generator"])
    is_same(other, imtrans.load("both", direction="BtoA").model.method.generator)


@pytest.mark.slow
def test_sides_of_different_channels_come_without_an_identity_term(cli, tmp_path):
    files = [
        saved(tmp_path / "latest_net_G_B.pth", drawn(residual_net(6, source=1))),
        saved(tmp_path / "latest_net_G_A.pth", drawn(residual_net(6, target=1))),
        saved(tmp_path / "latest_net_D_B.pth", drawn(patch_critic(inputs=3))),
        saved(tmp_path / "latest_net_D_A.pth", drawn(patch_critic(inputs=1))),
    ]
    done = cli("import", *files, "--name", "grey")
    assert done.code == 0, done.err
    model = imtrans.load("grey").model
    assert (model.data_spec.source.channels, model.data_spec.target.channels) == (3, 1)
    assert model.config.parts["identity"][0].weight == 0


@pytest.mark.slow
def test_one_direction_alone_translates_and_refuses_the_other(cli, tmp_path):
    assert cli("import", saved(tmp_path / "horse2zebra.pth", drawn(residual_net()))).code == 0
    file = picture(tmp_path / "a.png")
    assert cli("translate", "horse2zebra", file, "-o", "out").code == 0
    refused = cli("translate", "horse2zebra", file, "-o", "back", "--direction", "BtoA")
    assert refused.code == 2
    assert "backward_generator was not in the imported files" in refused.err
    assert "imtrans import FILE FILE" in refused.err
    with pytest.raises(ConfigError, match="backward_generator was not in the imported files"):
        imtrans.load("horse2zebra", direction="BtoA")
    for name in ("testA/1.png", "testA/2.png", "testB/3.png", "testB/4.png"):
        picture(tmp_path / "animals" / name, (64, 64))
    judged = cli("evaluate", "horse2zebra", "--dataset", "animals", "--split", "test")
    assert judged.code == 0, judged.err
    # By a generator that nothing has trained the way back would be a number without a meaning.
    assert "lite0_frechet" in judged.out
    assert "cycle_l1" not in judged.out


@pytest.mark.slow
def test_all_of_cuts_networks_come_in_from_its_folder(cli, tmp_path):
    folder = tmp_path / "cat2dog_CUT_pretrained"
    generator, critic = drawn(residual_net(**SMOOTH)), drawn(patch_critic(smooth=True))
    layers = drawn(patch_layers())
    for name, network in (("G", generator), ("D", critic), ("F", layers)):
        saved(folder / f"latest_net_{name}.pth", network)
    done = cli("import", str(folder))
    assert (done.code, done.err) == (0, "")
    model = imtrans.load("runs/cat2dog_CUT_pretrained", has_discriminators=True).model
    assert model.config.recipe == "cut"
    is_same(generator, model.networks["generator"])
    x = torch.rand(1, 3, 71, 64) * 2 - 1
    judged = model.networks["discriminator"](None, x).logits[0]
    torch.testing.assert_close(judged, critic(x), rtol=0, atol=1e-5)
    values = torch.rand(1, 5, 8)
    described = model.networks["patch_network"].layers[1](values)
    torch.testing.assert_close(described, layers.get_submodule("mlp_1")(values), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_the_patch_layers_of_other_maps_are_left_out_and_told(cli, tmp_path):
    files = [saved(tmp_path / "g.pth", drawn(residual_net())), saved(tmp_path / "f.pth", drawn(patch_layers()))]
    done = cli("import", *files, "--name", "rough")
    assert done.code == 0, done.err
    assert "f.pth is left out: without smooth downsampling" in done.out
    assert "patch_network: not in the files, newly initialised" in done.out


@pytest.mark.slow
def test_statistics_of_old_instance_norms_and_names_of_several_devices_are_no_hindrance(cli, tmp_path):
    """As in horse2zebra.pth and its like, of torch before 0.4."""
    original = drawn(residual_net(drop=True))
    kept = {f"{name}.{key}": torch.ones(4 * 4) for name, layer in original.named_modules()
            if isinstance(layer, nn.InstanceNorm2d) for key in ("running_mean", "running_var")}  # fmt: skip
    weights = {f"module.{k}": v for k, v in {**original.state_dict(), **kept}.items()}
    torch.save({**weights, "module.model.2.num_batches_tracked": torch.tensor(3)}, tmp_path / "old.pth")
    done = cli("import", str(tmp_path / "old.pth"))
    assert done.code == 0, done.err
    is_same(original, imtrans.load("old").model.networks["generator"])


def other_kernel():
    network = drawn(residual_net(6, **SMOOTH))
    network.model[7].filt.fill_(1 / 9)
    return network


WRONG = {
    "two of one letter": (
        {"latest_net_G_A.pth": residual_net(6), "5_net_G_A.pth": residual_net(6)},
        "two generators of one direction",
    ),
    "channels that do not meet": (
        {"g.pth": residual_net(6, source=1), "h.pth": residual_net(6, source=1)},
        "translate 1 to 3 and 1 to 3 channels, which are not two ways",
    ),
    "three": ({f"{n}.pth": residual_net(6) for n in "abc"}, "3 generators, 0 discriminators and 0 networks"),
    "whose critic": (
        {"a.pth": residual_net(6), "b.pth": residual_net(6), "d.pth": patch_critic()},
        "d.pth: may belong to either generator",
    ),
    "critics of one kind": (
        {"a_net_G_A.pth": residual_net(6), "a_net_D_A.pth": patch_critic(), "5_net_D_A.pth": patch_critic()},
        "two discriminators of one kind of picture",
    ),
    "a critic of other channels": (
        {"g.pth": residual_net(6, **SMOOTH), "d.pth": patch_critic(inputs=1)},
        "d.pth: takes 1 channels; its pictures have 3",
    ),
    "another blur": ({"g.pth": other_kernel()}, "the blur of model.7 is not that of 1-2-1"),
    "layers alone": ({"f.pth": patch_layers()}, "the network by which CUT compares patches, which translates nothing"),
    "four maps": (
        {"g.pth": residual_net(6, **SMOOTH), "f.pth": nn.ModuleDict({"mlp_0": nn.Sequential(nn.Linear(3, 4))})},
        "compares patches of 1 maps; cut takes 5",
    ),
    "another file beside it": ({"g.pth": residual_net(6), "x.pth": nn.Linear(2, 2)}, "x.pth: is no network of"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_files_that_make_no_run_are_refused_in_one_message(kind, cli, tmp_path):
    networks, message = WRONG[kind]
    done = cli("import", *(saved(tmp_path / name, network) for name, network in networks.items()))
    assert done.code == 4
    assert message in done.err
    assert len(done.err.splitlines()) <= 3
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_weights_says_what_it_has(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "opt.txt").write_text("netG: resnet_9blocks")
    done = cli("import", "empty")
    assert done.code == 4
    assert "empty: no file of weights (.pt, .pth, .safetensors) in this folder" in done.err
    assert "It has opt.txt." in done.err


@pytest.mark.slow
def test_of_several_states_in_a_folder_the_last_is_taken(cli, tmp_path):
    newest = drawn(residual_net(6), seed=3)
    for epoch, network in ((5, residual_net(6)), (20, newest), (10, residual_net(6))):
        saved(tmp_path / "epochs" / f"{epoch}_net_G.pth", network)
    assert cli("import", "epochs").code == 0
    is_same(newest, imtrans.load("runs/epochs").model.networks["generator"])
