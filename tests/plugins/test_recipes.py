"""The built-in recipes against the figures of their originals, which were computed from the originals' layer lists."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import config, fitting, job, pairs
from torch import nn

import imtrans
from imtrans.config.resolve import resolve
from imtrans.config.sources import Assignment, Layer
from imtrans.engine.build import ComponentFactory
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.nn import inference
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_discriminator, make

NAMES = [
    "pix2pix",
    "pix2pix-torch",
    "pix2pix-tf",
    "pencil2color",
    "sketch2anime",
    "sketch2cad",
    "bw2color",
    "pix2pix-mish1",
    "pix2pix-mish2",
    "pix2pix-mish3",
]
TUTORIAL = (256, 54_414_979, 2_768_641, 30, 70)
# Size, parameters of G and of D, verdicts a side, field.
FIGURES = {
    "pix2pix": (256, 54_413_955, 2_768_705, 30, 70),
    "pix2pix-torch": (256, 54_419_459, 2_769_601, 30, 70),
    "pix2pix-tf": TUTORIAL,
    "pencil2color": (128, 41_833_475, 6_965_441, 8, 142),
    "sketch2anime": (256, 54_414_531, 2_768_705, 26, 70),
    "sketch2cad": TUTORIAL,
    "bw2color": (512, 54_410_051, 2_768_705, 62, 70),
    "pix2pix-mish1": TUTORIAL,
    "pix2pix-mish2": TUTORIAL,
    "pix2pix-mish3": TUTORIAL,
}
L2, L3, R, M = "LeakyReLU(0.2)", "LeakyReLU(0.3)", "ReLU", "Mish"
# Of the encoder from the outermost inwards, of the decoder outwards, of the discriminator.
ACTIVATIONS = {
    "pix2pix": ([L2] * 7, [R] * 8, [L2] * 4),
    "pix2pix-torch": ([L2] * 7, [R] * 8, [L2] * 4),
    "pix2pix-tf": ([L3] * 8, [R] * 7, [L3] * 4),
    "pencil2color": ([L2] * 6, [R] * 7, [L2] * 5),
    "sketch2anime": ([L2] * 7 + [R], [R] * 7, [L2] * 4),
    "sketch2cad": ([L3] * 8, [R] * 7, [L3] * 4),
    "bw2color": ([L3] * 8, [R] * 7, [L3] * 4),
    "pix2pix-mish1": ([M] * 8, [M] * 7, [M] * 4),
    "pix2pix-mish2": ([M] * 8, [M] * 7, [L3] * 4),
    "pix2pix-mish3": ([M] * 8, [M] * 3 + [R] * 4, [L3] * 4),
}
KEYS = (
    "method",
    "generator",
    "discriminator",
    "adversarial",
    "reconstruction",
    "augment",
    "data",
    "train",
    "inference",
)


# Drawing numbers and spectral norm (which has no parameters) would load a compiler's worth of modules on that device.
WEIGHTLESS = {"generator.init_std": 0.0, "discriminator.init_std": 0.0, "discriminator.spectral_norm": False}


def networks(catalog, name, settings=None, *, device="meta", data_spec=None):
    """Generator and discriminator of a recipe; as they stand without memory for their weights."""
    given = {**(WEIGHTLESS if device == "meta" else {}), **(settings or {})}
    layer = Layer("test", [Assignment(tuple(k.split(".")), v, k) for k, v in given.items()])
    found, factory = resolve(catalog, name, dataset=ComponentRef("facades"), layers=[layer]), ComponentFactory(catalog)
    with torch.device(device):
        return [factory.from_resolved(found.parts[slot][0], data_spec=data_spec or DataSpec()) for slot in KEYS[1:3]]


def narrow(catalog, name, **settings):
    return networks(catalog, name, {"generator.width": 1, "discriminator.width": 1, **settings}, device="cpu")


def trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def buffers(network):
    return sum(b.numel() for n, b in network.named_buffers() if n.endswith(("running_mean", "running_var")))


def field(network):
    """How far a verdict sees, from the output to the input: r becomes (r - 1) stride + kernel."""
    seen = 1
    for layer in reversed([m for m in network.modules() if isinstance(m, nn.Conv2d)]):
        seen = (seen - 1) * layer.stride[0] + layer.kernel_size[0]
    return seen


def activations(network):
    kinds = {nn.ReLU: lambda _: R, nn.Mish: lambda _: M, nn.LeakyReLU: lambda m: f"LeakyReLU({m.negative_slope})"}
    return [kinds[type(m)](m) for m in network.modules() if type(m) in kinds]


def values(catalog, name, dataset):
    rows = resolve(catalog, name, dataset=dataset).rows()
    return {k: v for k, v, _ in rows if k.partition(".")[0] in KEYS}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_has_the_parameters_sizes_and_field_of_its_original(catalog, name):
    size, generator, discriminator, verdicts, seen = FIGURES[name]
    g, d = networks(catalog, name)
    assert resolve(catalog, name, dataset=ComponentRef("facades")).data.size == (size,)
    assert (trainable(g), trainable(d)) == (generator, discriminator)
    assert field(d) == seen
    x = torch.rand(1, 3, size, size) * 2 - 1
    g, d = narrow(catalog, name)
    made = g(x)
    assert made.shape == x.shape
    assert made.detach().abs().max() < 1
    assert tuple(d(x, x).logits[0].shape) == (1, 1, verdicts, verdicts)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_has_the_activations_of_its_original_block_by_block(catalog, name):
    encoder, decoder, discriminator = ACTIVATIONS[name]
    g, d = networks(catalog, name)
    assert activations(g.encoder) == encoder
    assert activations(g.decoder) + activations(g.output) == decoder
    assert activations(d) == discriminator


@pytest.mark.parametrize(
    ("name", "count"),
    [("pix2pix-tf", 10_880), ("pencil2color", 7_808), ("bw2color", 5_888), ("pix2pix-torch", 9_856)],
)
def test_a_generator_has_as_many_norms_as_its_original(catalog, name, count):
    assert buffers(networks(catalog, name)[0]) == count


def test_the_small_discriminator_of_the_colouring_projects_code_is_an_option(catalog):
    _, d = networks(catalog, "bw2color", {"discriminator": "patchgan94"})
    assert (trainable(d), field(d), activations(d)) == (664_385, 94, [L3] * 4)
    _, d = narrow(catalog, "bw2color", discriminator="patchgan94")
    x = torch.zeros(1, 3, 512, 512)
    assert d(x, x).logits[0].shape == (1, 1, 32, 32)
    check_discriminator("patchgan94", width=4)


def test_one_logit_of_it_sees_exactly_94_pixels():
    torch.manual_seed(0)
    network = make("discriminator", "patchgan94", width=2, norm="none", init_std=0.5).double()
    image = torch.randn(1, 3, 160, 160, dtype=torch.float64).requires_grad_()
    logits = network(image.detach(), image).logits[0]
    (gradient,) = torch.autograd.grad(logits[0, 0, 5, 5], image)
    touched = gradient[0].abs().sum(0).nonzero()
    assert (touched.amax(0) - touched.amin(0) + 1).tolist() == [94, 94]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "everywhere", "outs"),
    [
        (0, 9_153, (256, 128, 512)),
        (1, 139_713, (126, 62, 254)),
        (2, 666_817, (62, 30, 126)),
        (3, 2_769_601, (30, 14, 62)),
        (4, 6_965_441, (14, 6, 30)),
        (5, 11_161_281, (6, 2, 14)),
        (6, 15_357_121, (2, None, 6)),
    ],
)
def test_patchgans_of_every_depth_have_the_known_sizes_and_counts(layers, everywhere, outs):
    with torch.device("meta"):
        d = make("discriminator", "patchgan70", layers=layers, bias="everywhere", init_std=0)
    assert trainable(d) == everywhere
    d = make("discriminator", "patchgan70", layers=layers, width=1)
    for size, out in zip((256, 128, 512), outs, strict=True):
        if out:
            x = torch.zeros(1, 3, size, size)
            assert d(x, x).logits[0].shape[-1] == out


def test_the_authors_generator_for_colours_has_their_count(catalog):
    data_spec = DataSpec(source=ImageSpec(channels=1), target=ImageSpec(channels=2))
    assert trainable(networks(catalog, "pix2pix-torch", data_spec=data_spec)[0]) == 54_415_362


@pytest.mark.parametrize("name", [n for n in NAMES if n != "pix2pix"])
def test_a_recipe_keeps_its_values_whatever_the_data_set_advises(catalog, name):
    sets = [ComponentRef(d) for d in ("toy", "facades", "edges2shoes", "cad", "anime")] + [
        ComponentRef("pencil", {"photos": "cifar10"})
    ]
    first, *others = (values(catalog, name, dataset) for dataset in sets)
    assert all(other == first for other in others)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_learns_two_steps_and_translates(name, tmp_path):
    settings = {**fitting(name), "train.steps": "2", "metrics": "[]"}
    data = pairs(tmp_path / "pairs", size=int(settings.get("data.size", "32")))
    made = job(tmp_path / "run", settings, recipe=name, dataset=data)
    before = [p.detach().clone() for n in made.model.networks.values() for p in n.parameters()]
    trainer.fit(made)
    after = [p for n in made.model.networks.values() for p in n.parameters()]
    moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert sum(moved) > 0.7 * len(moved)  # a weight before a norm over one pixel, or a bias before any norm, rests
    made = imtrans.load(tmp_path / "run").translate(np.full((40, 50, 3), 200, np.uint8))
    assert (made.shape, made.dtype) == ((40, 50, 3), np.uint8)
    assert made.std() > 0


def test_the_pencil_recipe_takes_its_steps_in_its_originals_order(catalog):
    """G first; then D on the fake alone; then, with the weights that this gave it, on the real alone."""
    torch.manual_seed(0)
    # Spectral norm goes on with its iteration at every pass: without it the gradients can be taken again.
    method = small_method(catalog, "pencil2color", {"discriminator.spectral_norm": "false"})
    batch = batch_of(2)
    seen, judge = [], method.discriminator
    parameters = list(judge.parameters())

    def update(losses):
        ((group, loss),) = losses.items()
        gradients = torch.autograd.grad(loss, parameters) if group == "discriminator" else None
        seen.append((group, gradients))
        if gradients:
            with torch.no_grad():
                for p, g in zip(parameters, gradients, strict=True):
                    p -= 0.1 * g

    fakes = []
    method.generator.register_forward_hook(lambda _m, _i, out: fakes.append(out.detach()))
    start = {k: v.clone() for k, v in judge.state_dict().items()}
    method.train_step(batch, update, step=0)
    assert [group for group, _ in seen] == ["generator", "discriminator", "discriminator"]
    judge.load_state_dict(start)
    on_fake = torch.autograd.grad(torch.relu(1 + judge(batch.source, fakes[0]).logits[0]).mean() / 2, parameters)
    torch.testing.assert_close(seen[1][1], on_fake)
    with torch.no_grad():
        for p, g in zip(parameters, on_fake, strict=True):
            p -= 0.1 * g
    on_real = torch.autograd.grad(torch.relu(1 - judge(batch.source, batch.target).logits[0]).mean() / 2, parameters)
    torch.testing.assert_close(seen[2][1], on_real)


def test_simultaneous_updates_cannot_be_apart(catalog):
    with pytest.raises(ConfigError, match="discriminator_updates separate"):
        small_method(catalog, "pix2pix-tf", {"method.discriminator_updates": "separate"})


def test_the_torch_recipe_begins_every_step_with_biases_of_zero(catalog):
    method = small_method(catalog, "pix2pix-torch")
    layers = [
        m for n in method.networks.values() for m in n.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))
    ]
    for layer in layers:
        nn.init.ones_(layer.bias)
    seen = []
    method.train_step(batch_of(1), lambda losses: seen.append(dict(losses)), step=0)
    assert all(not layer.bias.any() for layer in layers)
    assert [sorted(losses) for losses in seen] == [["discriminator", "generator"]]


def test_the_anime_recipe_drops_whole_channels_after_the_activation(catalog):
    method = small_method(catalog, "sketch2anime")
    block = method.generator.decoder[0]
    assert [type(m).__name__ for m in block] == ["ConvTranspose2d", "BatchNorm", "ReLU", "Dropout2d"]
    assert all(m.padding_mode == "reflect" for m in method.generator.encoder.modules() if isinstance(m, nn.Conv2d))
    x = torch.rand(1, 3, 32, 32)
    with inference([method.generator], norm="running", dropout=False):
        torch.testing.assert_close(method.generator(x), method.generator(x), rtol=0, atol=0)


def test_dropout_after_the_activation_needs_one_there():
    with pytest.raises(ConfigError, match="with pre_activation no activation follows the norm"):
        make("generator", "unet64", dropout_place="activation")


def test_the_activation_at_the_bottleneck_stands_there_in_both_wirings():
    post = make("generator", "unet64", depth=3, width=2, pre_activation=False, bottleneck_activation="mish")
    pre = make("generator", "unet64", depth=3, width=2, bottleneck_activation="mish")
    assert activations(post.encoder) == [L2, L2, M]
    assert activations(pre.decoder) + activations(pre.output) == [M, R, R]


def test_norms_of_keras_recipes_have_keras_numbers_and_begin_at_one(catalog):
    for network in small_method(catalog, "pix2pix-tf").networks.values():
        norms = [m for m in network.modules() if type(m).__name__ == "BatchNorm"]
        assert norms
        assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}
        assert all(torch.equal(m.weight, torch.ones_like(m.weight)) for m in norms)


def test_batch_statistics_of_one_picture_are_those_of_the_instance():
    """With one picture and the same weights batch norm and instance norm give the same (paper, section 3.3)."""
    torch.manual_seed(0)
    one, other = (make("generator", "unet64", depth=3, width=4, dropout=0, norm=n) for n in ("batch", "instance"))
    own = {k: v for k, v in one.state_dict().items() if k in other.state_dict()}
    other.load_state_dict({**other.state_dict(), **own})
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    with inference([one, other]):
        torch.testing.assert_close(one(x), other(x), rtol=0, atol=1e-5)


def test_recipes_are_told_apart_in_one_line_each_and_from_the_paper(cli):
    lines = [line for line in cli("list", "recipes").out.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in lines] == sorted(
        [
            *NAMES,
            "cut",
            "cut-small",
            "cyclegan",
            "cyclegan-small",
            "fastcut",
            "label-scorer",
            "pix2pixhd",
            "reggan",
            "regression",
        ]
    )
    assert len({line.split(maxsplit=1)[1] for line in lines}) == len(lines)
    assert max(map(len, lines)) <= 120
    told = cli("list", "recipes", "pencil2color").out
    assert "what differs from pix2pix on facades:" in told
    assert "  generator.depth = 7  (pix2pix: 8)" in told
    assert '  method.order = "generator-first"  (pix2pix: "discriminator-first")' in told
    assert "adversarial.bce" in told.partition("all that it sets:")[0]
    assert "what differs" not in cli("list", "recipes", "pix2pix").out


def test_the_source_is_the_half_that_it_was_in_the_original(catalog):
    """Left: 002. Right: 001 and 004, also where a set of these pairs goes the other way by itself, as maps does."""
    right = {n for n in NAMES if resolve(catalog, n, dataset=ComponentRef("maps")).direction == "BtoA"}
    assert right == {"sketch2anime", "pix2pix-mish1", "pix2pix-mish2", "pix2pix-mish3"}
    assert resolve(catalog, "sketch2cad").dataset.name == "cad"
    assert resolve(catalog, "sketch2cad").direction == resolve(catalog, "pencil2color").direction == "AtoB"


def batch_of(count):
    x = torch.rand(2, count, 3, 32, 32) * 2 - 1
    return Batch(source=x[0], target=x[1], keys=["a"] * count, draws=torch.arange(count))


def small_method(catalog, name, settings=None):
    """The method of a recipe with its networks, narrow and of three halvings."""
    chosen = config({"discriminator.layers": "", **(settings or {})}, recipe=name, dataset=ComponentRef("toy"))
    from imtrans.engine.build import model

    chosen = replace(chosen, data=replace(chosen.data, size=(32,)))
    return model(chosen, DataSpec(), factory=ComponentFactory(catalog), device=torch.device("cpu"), seed=0).method
