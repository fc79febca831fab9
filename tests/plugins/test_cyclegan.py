"""CycleGAN: a step by hand, the pools, both directions, kills, processes, and the recipe."""

import copy
import json

import numpy as np
import pytest
import torch
from factories import job
from PIL import Image
from torch import nn

import imtrans
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.evaluation.model_samples import samples_of_model
from imtrans.engine.evaluation.protocol import AT_MODEL_SIZE
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError
from imtrans.interfaces import Batch, Context, DataSpec, ImageSpec
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted
from imtrans.kit.nn import ImagePool
from imtrans.kit.random import draw
from imtrans.kit.report import samples
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_method, check_run, make
from imtrans_cyclegan import DISCRIMINATOR
from imtrans_cyclegan.method import CycleGAN, cyclegan

GROUPS = {
    "generator": ("generator", "backward_generator"),
    "discriminator": ("discriminator", "backward_discriminator"),
}
SMALL = {
    "generator.depth": "",
    "generator.blocks": "1",
    "backward_generator.blocks": "1",
    "backward_generator.width": "4",
    "backward_discriminator.layers": "1",
    "backward_discriminator.width": "4",
    "dataset.pairs": "",
    "dataset.days": "6",
    "dataset.nights": "8",
}


def method(*, pool_size: int = 50, weights: tuple[float, float] = (10.0, 5.0)) -> CycleGAN:
    torch.manual_seed(0)
    generators = [make("generator", "resnet6", width=2, blocks=1) for _ in range(2)]
    judges = [make("discriminator", "patchgan16", width=2, **DISCRIMINATOR) for _ in range(2)]
    lsgan = make("adversarial", "lsgan")
    return CycleGAN(
        generator=generators[0],
        backward_generator=generators[1],
        discriminator=judges[0],
        backward_discriminator=judges[1],
        adversarial=AdversarialTerms([Weighted(1.0, lsgan)]),
        cycle=Terms([Weighted(weights[0], nn.L1Loss())]),
        identity=Terms([Weighted(weights[1], nn.L1Loss())]),
        pool_size=pool_size,
    )


def batch(count: int = 2, *, seed: int = 0) -> Batch:
    random = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(count, 3, 32, 32, generator=random) * 2 - 1 for _ in range(2))
    draws = torch.tensor([draw(seed, 0, i) for i in range(count)])
    return Batch(source=source, target=target, keys=[str(i) for i in range(count)], draws=draws)


class Descent:
    """`update` as plain gradient descent, that keeps the losses and gradients."""

    def __init__(self, made: CycleGAN, rate: float = 0.1) -> None:
        self.made, self.rate, self.losses, self.gradients = made, rate, {}, {}

    def __call__(self, losses):
        for group, loss in losses.items():
            parameters = [p for n in GROUPS[group] for p in self.made.networks[n].parameters()]
            gradients = torch.autograd.grad(loss, parameters)
            self.losses[group], self.gradients[group] = loss.detach(), gradients
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter -= self.rate * gradient


def step_by_hand(made: CycleGAN, given: Batch, *, rate: float = 0.1):
    """Losses and gradients as the paper writes them, with labels of 1 and 0 and no pool that is full."""
    g, f = made.networks["generator"], made.networks["backward_generator"]
    d_b, d_a = made.networks["discriminator"], made.networks["backward_discriminator"]
    a, b = given.source, given.target
    fake_b, fake_a = g(a), f(b)

    def squared(verdict, label):
        return ((verdict.logits[0] - label) ** 2).mean()

    def l1(x, y):
        return (x - y).abs().mean()

    loss_g = squared(d_b(None, fake_b), 1) + squared(d_a(None, fake_a), 1)
    loss_g = loss_g + 10 * l1(f(fake_b), a) + 10 * l1(g(fake_a), b) + 0.5 * 10 * (l1(g(b), b) + l1(f(a), a))
    weights = [*g.parameters(), *f.parameters()]
    of_g = torch.autograd.grad(loss_g, weights)
    loss_d = (squared(d_b(None, b), 1) + squared(d_b(None, fake_b.detach()), 0)) / 2
    loss_d = loss_d + (squared(d_a(None, a), 1) + squared(d_a(None, fake_a.detach()), 0)) / 2
    of_d = torch.autograd.grad(loss_d, [*d_b.parameters(), *d_a.parameters()])
    return {"generator": loss_g, "discriminator": loss_d}, {"generator": of_g, "discriminator": of_d}


def test_a_steps_losses_and_gradients_are_those_of_a_step_by_hand():
    made, given = method(), batch()
    losses, gradients = step_by_hand(copy.deepcopy(made), given)
    update = Descent(made)
    logs = made.train_step(given, update, step=0)
    for group in GROUPS:
        torch.testing.assert_close(update.losses[group], losses[group].detach(), atol=1e-6, rtol=1e-6)
        for got, expected in zip(update.gradients[group], gradients[group], strict=True):
            torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)
    total = logs["adversarial"] + logs["cycle"] + logs["identity"]
    torch.testing.assert_close(total, losses["generator"].detach(), atol=1e-6, rtol=1e-6)


def test_all_four_networks_of_the_recipe_have_cyclegans_parameters():
    with torch.device("meta"):
        generators = [make("generator", "resnet9", init_std=0) for _ in range(2)]
        judges = [make("discriminator", "patchgan70", init_std=0, **DISCRIMINATOR) for _ in range(2)]
    counts = [sum(p.numel() for p in network.parameters()) for network in (*generators, *judges)]
    assert counts == [11_378_179, 11_378_179, 2_764_737, 2_764_737]
    assert sum(counts) == 28_285_832


@pytest.mark.slow
def test_the_pool_fills_first_and_then_gives_back_an_old_picture_every_second_time():
    pool, size, count = ImagePool(50), 50, 10_000
    ages, places = [], []
    for number in range(size + count):
        stored = [int(image) for image in pool.images]
        shown = int(pool(torch.tensor([float(number)]).view(1, 1, 1), torch.tensor([draw(0, 0, number)])))
        if number < size:
            assert shown == number
            continue
        if shown != number:
            ages.append(number - shown)
            places.append(stored.index(shown))
            assert number in [int(image) for image in pool.images]
        else:
            assert [int(image) for image in pool.images] == stored
    # Half of them, within four standard deviations: 4 * sqrt(10,000 / 4) = 200.
    assert abs(len(ages) - count / 2) < 200
    # Each place as often: about 100 times each, four standard deviations are 40.
    often = np.bincount(places, minlength=size)
    assert np.all(np.abs(often - len(places) / size) < 40)
    # A picture leaves with probability 1/100 a step: it is shown again after 100 steps, on average.
    assert abs(np.mean(ages) - 100) < 6
    assert len(pool.images) == size


def test_both_pools_swap_at_steps_of_their_own():
    made = method(pool_size=1)
    shown = {"source": [], "target": []}
    for number in range(200):
        for side, pool in made.pools.items():
            image = torch.full((1, 1, 1), float(number))
            shown[side].append(int(pool(image, torch.tensor([draw(0, 0, number)]))) == number)
    agree = np.mean(np.array(shown["source"]) == np.array(shown["target"]))
    assert 0.3 < agree < 0.7


@pytest.mark.slow
def test_discriminators_see_old_translations_once_the_pool_is_full():
    """The same step with and without old pictures: only the discriminators' loss differs."""
    made, update = method(pool_size=4), None
    for number in range(3):
        made.train_step(batch(seed=number), update := Descent(made, rate=0.0), step=number)
    plain = method(pool_size=0)
    plain.train_step(batch(seed=2), without := Descent(plain, rate=0.0), step=0)
    assert torch.equal(update.losses["generator"], without.losses["generator"])
    assert not torch.equal(update.losses["discriminator"], without.losses["discriminator"])


def test_a_weight_of_0_leaves_a_term_out():
    made = method(weights=(10.0, 0.0))
    assert set(made.train_step(batch(), Descent(made), step=0)) == {
        "adversarial", "cycle", "discriminator", "health.accuracy",
    }  # fmt: skip


def test_the_method_keeps_its_contract():
    check_method(method(), groups=[*GROUPS])


def test_the_other_direction_is_the_other_generator():
    made, given = method(), batch()
    turned = made.reversed()
    with torch.no_grad():
        assert torch.equal(turned.translate(given.target), made.networks["backward_generator"](given.target))
        assert torch.equal(turned.reversed().translate(given.source), made.translate(given.source))
    assert turned.networks is made.networks


def test_an_identity_between_different_channels_is_refused_with_what_to_set():
    spec = DataSpec(source=ImageSpec(channels=1), target=ImageSpec())
    parts = {k: v for k, v in vars(method()).items() if k in ("adversarial", "cycle")}
    with pytest.raises(ConfigError, match="sources have 1 channels and targets 3") as caught:
        cyclegan(context=Context(make=make, data_spec=spec), identity=method().identity, **parts)
    assert "--set identity.weight=0" in caught.value.hint


@pytest.mark.slow
def test_the_recipe_survives_kills_with_a_full_pool_and_is_the_same_in_two_processes():
    check = {k: v for k, v in SMALL.items() if v} | {"generator.width": "4", "discriminator.width": "4"}
    check |= {"discriminator.layers": "1"}
    check_run("cyclegan", {**check, "method.pool_size": "3"}, dataset="day2night")


@pytest.mark.slow
def test_a_run_learns_to_come_back_and_its_model_translates_both_ways(tmp_path):
    settings = {**SMALL, "train.steps": "40", "train.log_every": "5", "train.evaluate_every": "never"}
    made = job(tmp_path / "run", settings, recipe="cyclegan", dataset=ComponentRef("day2night"))
    trainer.fit(made)
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    models = {d: imtrans.load(tmp_path / "run", direction=d) for d in (None, "AtoB", "BtoA")}
    given = {d: model.translate(picture) for d, model in models.items()}
    assert {(p.shape, p.dtype.name) for p in given.values()} == {((40, 50, 3), "uint8")}
    np.testing.assert_array_equal(given[None], given["AtoB"])
    # From the weights alone, without the engine: one padded axis, and the statistics of the picture.
    networks = {d: m.model.networks for d, m in models.items()}
    assert np.abs(given["AtoB"].astype(int) - given["BtoA"]).mean() > 1
    assert networks["BtoA"].keys() == networks["AtoB"].keys()
    assert models["AtoB"].fingerprint != models["BtoA"].fingerprint
    record = imtrans.evaluate(tmp_path / "run")
    assert record["protocol"] == "unpaired" or "unpaired" in str(record["protocol"])
    assert "cycle_l1" in record["numbers"]
    grid = samples.newest(tmp_path / "run")
    assert [*grid.samples[0].others] == ["cycle", "back", "back cycle"]


@pytest.fixture
def animals(tmp_path):
    """Two kinds of pictures of 32 pixels, of each kind three for validation."""
    random = np.random.default_rng(0)
    for side in ("trainA", "trainB", "testA", "testB"):
        (tmp_path / "animals" / side).mkdir(parents=True)
        for number in range(3):
            low, high = (0, 160) if side.endswith("A") else (90, 256)
            picture = Image.fromarray(random.integers(low, high, (32, 32, 3), dtype=np.uint8))
            picture.save(tmp_path / "animals" / side / f"{side}{number}.png")
    return tmp_path / "animals"


@pytest.mark.slow
def test_the_way_back_is_measured_on_the_other_side_and_kept_beside_the_first(animals, cli):
    flags = [f"--set={way}generator.{key}" for way in ("", "backward_") for key in ("blocks=1", "width=4")]
    flags += [f"--set={way}discriminator.width=4" for way in ("", "backward_")]
    flags += ["--steps", "1", "--set=data.size=32", "--device", "cpu"]
    flags += ["--set=generator.init_std=0.3", "--set=backward_generator.init_std=0.3"]
    made = cli("run", "cyclegan", "--dataset", str(animals), "--name", "both", *flags)
    assert made.code == 0, made.err
    told = {d: cli("evaluate", "both", "--direction", d, "--json") for d in ("AtoB", "BtoA")}
    assert [t.code for t in told.values()] == [0, 0], told["BtoA"].err
    records = {d: json.loads(t.out) for d, t in told.items()}
    networks = imtrans.load("both").model.networks
    ways = {"AtoB": ("generator", "backward_generator"), "BtoA": ("backward_generator", "generator")}
    for direction, (first, second) in ways.items():
        record, errors = records[direction], []
        for file in sorted(animals.glob(f"test{direction[0]}/*.png")):
            stored = torch.from_numpy(np.array(Image.open(file))).movedim(-1, 0)[None].float()
            with torch.no_grad():
                again = networks[second](networks[first](stored / 127.5 - 1))
            rounded = ((again + 1) * 127.5).clamp(0, 255).round()
            errors.append(((rounded - stored).abs() / 127.5).mean())
        wanted = torch.stack(errors).mean().item()
        assert record["numbers"]["cycle_l1"]["value"] == pytest.approx(wanted, rel=1e-4)
        assert record["direction"] == direction
    assert records["AtoB"]["hash"] != records["BtoA"]["hash"]
    plain = cli("evaluate", "both", "--json")
    assert json.loads(plain.out)["hash"] == records["AtoB"]["hash"]
    assert "BtoA" in cli("evaluate", "both", "--direction", "BtoA").out
    changed = cli("evaluate", "both", "--direction", "BtoA", "--set", "inference.dropout=true", "--json")
    number = json.loads(changed.out)["numbers"]["cycle_l1"]["value"]
    assert number == pytest.approx(records["BtoA"]["numbers"]["cycle_l1"]["value"])  # these networks have no dropout


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_of_sides_of_five_and_three_pictures_each_counts_once(direction, animals, cli):
    """Of what is no repeat the samples have each source and each target a single time."""
    for number in (3, 4):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(animals / "testA" / f"testA{number}.png")
    flags = [f"--set={way}generator.{key}" for way in ("", "backward_") for key in ("blocks=1", "width=2")]
    flags += [f"--set={way}discriminator.width=2" for way in ("", "backward_")]
    made = cli("run", "cyclegan", "--dataset", str(animals), "--name", "both", "--steps", "1", "--set=data.size=32",
               "--device", "cpu", *flags)  # fmt: skip
    assert made.code == 0, made.err
    model = imtrans.load("both", direction=direction).model
    loading = open_split(model.config, "val", data_spec=model.data_spec)
    each = [*samples_of_model(model, loading, AT_MODEL_SIZE).each()]
    assert len(each) == 5
    sides = {"A": 5, "B": 3} if direction == "AtoB" else {"B": 3, "A": 5}
    for place, (side, count) in enumerate(sides.items()):
        kept = [getattr(s.batch, ("source", "target")[place]) for s in each if not s.is_repeat[place]]
        stored = [np.array(Image.open(f)) for f in sorted((animals / f"test{side}").glob("*.png"))]
        assert len(kept) == len(stored) == count
        shown = {((k[0] + 1) * 127.5).round().byte().movedim(0, -1).numpy().tobytes() for k in kept}
        assert shown == {picture.tobytes() for picture in stored}


@pytest.mark.slow
def test_a_model_of_one_direction_refuses_the_other(tmp_path):
    trainer.fit(job(tmp_path / "run", {"train.steps": "1"}))
    with pytest.raises(ConfigError, match="--direction BtoA: the model translates AtoB alone") as caught:
        imtrans.load(tmp_path / "run", direction="BtoA")
    assert "imtrans run pix2pix --set data.direction=BtoA" in caught.value.hint
