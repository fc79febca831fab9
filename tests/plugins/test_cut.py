"""CUT and FastCUT: the known answers of the contrast, one step by hand, and a resume across the patch network."""

import math

import pytest
import torch
from factories import config, go_on, job, plugins
from torch import nn
from torch.nn.functional import cross_entropy

from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, PluginError
from imtrans.interfaces import Batch, Context, DataSpec, DiscriminatorOutput, ImageSpec
from imtrans.kit.loss_terms import AdversarialTerms, Weighted
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.discovery import Selection, discover
from imtrans.testing import check_method, make
from imtrans_cut.method import CUT
from imtrans_cut.patches import PatchMLP, patch_nce, places, taken
from imtrans_losses.adversarial import LSGAN
from imtrans_resnet.network import Resnet

CONTEXT = Context(make=make, data_spec=DataSpec(), size=(64,))
SMALL = {
    "generator.width": "4",
    "generator.depth": "",
    "generator.blocks": "5",
    "patch_network.width": "8",
    "method.patches": "16",
    "discriminator.layers": "",
    "metrics": "[]",
}


def method(*, identity=True, flips=False, weight=1.0, patches=16, width=8):
    torch.manual_seed(0)
    judge = make("discriminator", "patchgan16", conditional=False, width=4, norm="none")
    return CUT(
        generator=Resnet(width=4, blocks=5, antialias=True, init_std=0.2),
        discriminator=judge,
        patch_network=PatchMLP(width=width),
        adversarial=AdversarialTerms([Weighted(1.0, LSGAN())]),
        nce_weight=weight,
        identity=identity,
        flips=flips,
        patches=patches,
        temperature=0.07,
        context=CONTEXT,
    )


def batch(count=2):
    sides = [torch.rand((count, 3, 32, 32), generator=torch.Generator().manual_seed(s)) * 2 - 1 for s in (1, 2)]
    draws = torch.arange(1, count + 1) ** 30
    return Batch(source=sides[0], target=sides[1], keys=[str(i) for i in range(count)], draws=draws)


def test_equal_patches_are_found_by_chance_alone():
    """256 equal unit vectors: ln(256 + e^(-11 / 0.07)) = 5.5452."""
    equal = torch.full((2, 256, 64), 1 / 8.0)
    assert patch_nce(equal, equal, temperature=0.07).item() == pytest.approx(5.5452, abs=5e-5)
    assert math.log(256 + math.exp(-11 / 0.07)) == pytest.approx(5.5452, abs=5e-5)


def test_the_contrast_is_a_cross_entropy_written_out():
    q, k = (nn.functional.normalize(torch.rand(2, 5, 4, dtype=torch.float64), dim=2) for _ in range(2))
    wanted = []
    for sample in range(2):
        for i in range(5):
            others = [q[sample, i] @ k[sample, j] if j != i else torch.tensor(-10.0).double() for j in range(5)]
            logits = torch.stack([q[sample, i] @ k[sample, i], *others]) / 0.07
            wanted.append(cross_entropy(logits[None], torch.tensor([0])))
    torch.testing.assert_close(patch_nce(q, k, temperature=0.07), torch.stack(wanted).mean())


def test_the_patch_network_has_the_known_number_of_weights():
    network = PatchMLP(width=256)
    network.build([3, 128, 256, 256, 256])
    assert sum(p.numel() for p in network.parameters()) == 560_384


def test_the_networks_of_the_recipe_have_the_known_numbers_of_weights():
    from imtrans.engine import build

    catalog = Catalog(discover(Selection(others=False)).records)
    named = {
        "generator.width": "64",
        "generator.downs": "2",
        "generator.blocks": "9",
        "generator.depth": "",
        "discriminator.width": "64",
    }
    whole = config({**named, "generator.init_std": "0", "discriminator.layers": "3", "dataset.pairs": ""}, recipe="cut")
    model = build.model(whole, DataSpec(), factory=build.ComponentFactory(catalog), device=torch.device("cpu"), seed=0)
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in model.networks.items()}
    assert counts == {"generator": 11_378_179, "discriminator": 2_764_737, "patch_network": 560_384}


def test_the_weights_of_all_three_networks_begin_by_xaviers_rule_with_a_gain_of_002():
    """0.02 * sqrt(2 / (fan in + fan out)), written out for each; biases are 0."""
    from imtrans.engine import build

    small = {
        "generator.depth": "",
        "generator.blocks": "5",
        "generator.downs": "2",
        "generator.width": "32",
        "discriminator.width": "32",
    }
    for recipe in ("cut", "fastcut"):
        whole = config({**small, "dataset.pairs": ""}, recipe=recipe)
        factory = build.ComponentFactory(Catalog(discover(Selection(others=False)).records))
        networks = build.model(whole, DataSpec(), factory=factory, device=torch.device("cpu"), seed=0).networks
        for weight, fans in (
            (networks["generator"].blocks[1][0].weight, (128 * 9, 128 * 9)),
            (networks["generator"].down[1][0].weight, (64 * 9, 128 * 9)),
            (networks["generator"].up[0][0].weight, (128 * 9, 64 * 9)),
            (networks["discriminator"].blocks[1][0].weight, (32 * 16, 64 * 16)),
            (networks["patch_network"].layers[2][0].weight, (128, 256)),
            (networks["patch_network"].layers[2][2].weight, (256, 256)),
        ):
            wanted = 0.02 * math.sqrt(2 / sum(fans))
            # Of n draws the standard deviation is uncertain by 1 / sqrt(2 n) of itself: less than 0.5 % here.
            assert weight.std().item() == pytest.approx(wanted, rel=0.02), fans
            assert abs(weight.mean().item()) < 0.02 * wanted
        biases = [p for n in networks.values() for name, p in n.named_parameters() if name.endswith("bias")]
        assert not any(b.any() for b in biases)


def test_the_features_are_those_of_the_pass_that_translates():
    network, x = Resnet(width=4, blocks=6, antialias=True), torch.rand(1, 3, 32, 32)
    seen = {}
    for name in ("down.0.0", "down.1.0", "blocks.1", "blocks.5"):
        place = network.get_submodule(name)
        place.register_forward_hook(lambda _m, given, gave, name=name: seen.update({name: (given[0], gave)}))
    network(x)
    maps = network.features(x)
    assert [tuple(m.shape[1:]) for m in maps] == [(3, 38, 38), (8, 32, 32), (16, 16, 16), (16, 8, 8), (16, 8, 8)]
    torch.testing.assert_close(maps[1], seen["down.0.0"][1])
    torch.testing.assert_close(maps[2], seen["down.1.0"][1])
    torch.testing.assert_close(maps[3], seen["blocks.1"][0])  # what the second block is given, the first has made
    torch.testing.assert_close(maps[4], seen["blocks.5"][0])


def test_places_are_different_ones_and_follow_from_the_draw_of_a_sample_alone():
    draws = torch.tensor([3, 2**60, 5])
    chosen = places(draws, 64, 16, layer=1)
    assert all(len(set(row)) == 16 for row in chosen.tolist())
    assert torch.equal(chosen[1:2], places(draws[1:2], 64, 16, layer=1))
    assert not torch.equal(chosen, places(draws, 64, 16, layer=2))
    assert places(draws, 9, 16, layer=0).shape == (3, 9)
    features = torch.arange(2 * 3 * 4.0).view(1, 2, 3, 4)
    assert taken(features, torch.tensor([[5, 0]])).tolist() == [[[5.0, 17.0], [0.0, 12.0]]]


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("identity", [True, False])
def test_one_step_is_that_written_by_hand(identity, flips):
    made = method(identity=identity, flips=flips, weight=3.0)
    for network in made.networks.values():
        network.double()
    given = batch()
    given = Batch(source=given.source.double(), target=given.target.double(), keys=given.keys, draws=given.draws)
    losses = {}
    made.train_step(given, lambda each: losses.update(each), step=0)

    from imtrans.kit.random import uniform

    g, d, f = made.generator, made.discriminator, made.patch_network
    turned = uniform(given.draws, 1, stream="cut-flip")[:, 0] < 0.5

    def mirror(x):
        return torch.stack([s.flip(2) if flips and t else s for s, t in zip(x, turned, strict=True)])

    def contrast(picture, translated):
        layers = []
        for number, (q, k) in enumerate(zip(g.features(translated), g.features(picture), strict=True)):
            q, at = mirror(q), places(given.draws, q.shape[2] * q.shape[3], 16, layer=number)
            rows = []
            for sample in range(2):
                pair = [m[sample].flatten(1)[:, at[sample]].T for m in (q, k.detach())]
                query, key = (v / (v.norm(dim=1, keepdim=True) + 1e-7) for v in map(f.layers[number], pair))
                logits = query @ key.detach().T
                own = logits.diagonal().clone()
                logits = torch.cat([own[:, None], logits.masked_fill(torch.eye(16).bool(), -10.0)], 1) / 0.07
                rows.append(cross_entropy(logits, torch.zeros(16).long()))
            layers.append(torch.stack(rows).mean())
        return torch.stack(layers).mean()

    fake = g(mirror(given.source))
    score = d(None, fake).logits[0]
    wanted = (score - 1).square().mean()
    if identity:
        same = g(mirror(given.target))
        wanted = wanted + 3.0 * (contrast(given.source, fake) + contrast(given.target, same)) / 2
    else:
        wanted = wanted + 3.0 * contrast(given.source, fake)
    torch.testing.assert_close(losses["generator"], wanted, rtol=1e-9, atol=1e-9)
    parameters = [*g.parameters(), *f.parameters()]
    gradients = torch.autograd.grad(losses["generator"], parameters, retain_graph=True, allow_unused=True)
    by_hand = torch.autograd.grad(wanted, parameters, allow_unused=True)
    for one, two in zip(gradients, by_hand, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-9)
    real = d(None, given.target).logits[0]
    on_fake = d(None, fake.detach()).logits[0]
    torch.testing.assert_close(
        losses["discriminator"], ((real - 1).square().mean() + on_fake.square().mean()) / 2, rtol=1e-9, atol=1e-9
    )


def test_generators_and_data_that_do_not_fit_are_refused():
    bare = nn.Conv2d(3, 3, 1)
    parts = {"discriminator": bare, "patch_network": PatchMLP(width=4), "adversarial": AdversarialTerms([])}
    options = {"nce_weight": 1.0, "identity": True, "flips": False, "patches": 4, "temperature": 0.07}
    with pytest.raises(PluginError, match="Conv2d has no features"):
        CUT(generator=bare, context=CONTEXT, **parts, **options)
    other = Context(make=make, data_spec=DataSpec(source=ImageSpec(channels=1)))
    with pytest.raises(ConfigError, match="sources have 1 channels and targets 3"):
        CUT(generator=Resnet(1, 3, width=4, blocks=1), context=other, **parts, **options)


def test_the_method_keeps_its_contract():
    check_method(method(patches=8), groups=["generator", "discriminator"])
    assert isinstance(method().discriminator(None, torch.rand(1, 3, 32, 32)), DiscriminatorOutput)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["cut", "fastcut"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(recipe, tmp_path):
    """Across the patch network, whose layers follow from the generator's."""
    data = ComponentRef("day2night", {"days": 6, "nights": 5})
    settings = {**SMALL, "train.save_every": "2"}
    whole = trainer.fit(job(tmp_path / "whole", {**settings, "train.steps": "4"}, dataset=data, recipe=recipe))
    trainer.fit(job(tmp_path / "half", {**settings, "train.steps": "2"}, dataset=data, recipe=recipe))
    resumed = trainer.fit(go_on(tmp_path / "half", {**settings, "train.steps": "4"}, dataset=data, recipe=recipe))
    for name in ("model.safetensors", "optimizer.safetensors"):
        ends = [(each.checkpoint / name).read_bytes()[-20_000:] for each in (whole, resumed)]
        assert ends[0] == ends[1]


@pytest.mark.slow
def test_two_runs_become_an_ensemble(tmp_path):
    import imtrans
    from imtrans.engine.inference.forward import inference_mode, translate
    from imtrans.engine.runs.ensemble_run import write_ensemble
    from imtrans.plugins.catalog import Catalog

    data, found = ComponentRef("day2night", {"days": 4, "nights": 4}), plugins()
    settings = [{**SMALL, "train.steps": "1", "train.seed": seed} for seed in "01"]
    made = [
        trainer.fit(job(tmp_path / each["train.seed"], each, dataset=data, recipe="cut")).checkpoint
        for each in settings
    ]
    write_ensemble(made, tmp_path / "both", catalog=Catalog(found.records), versions=found.versions())
    outputs, source = [], torch.rand(1, 3, 32, 32) * 2 - 1
    for run in (*made, tmp_path / "both"):
        model = imtrans.load(run, plugins=found).model
        with inference_mode(model, seed=0):
            outputs.append(translate(model, source))
    torch.testing.assert_close(outputs[2], (outputs[0] + outputs[1]) / 2, rtol=0, atol=1e-6)
