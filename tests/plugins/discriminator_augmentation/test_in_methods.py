"""Methods with an augmented discriminator: steps by hand, equal transforms where they matter, and states."""

import pytest
import torch
from torch import nn

from imtrans.errors import ConfigError
from imtrans.interfaces import Batch, Context, DataSpec, DiscriminatorOutput, ImageSpec
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted
from imtrans.kit.random import draw
from imtrans.kit.training.augmented_discriminator import AugmentedDiscriminator
from imtrans.testing import check_method, make
from imtrans_cyclegan import DISCRIMINATOR
from imtrans_cyclegan.method import CycleGAN
from imtrans_pix2pix.method import VARIANTS, ConditionalGAN

KIND = "discriminator_augmentation"
GROUPS = ["generator", "discriminator"]


def batch(count=4):
    random = torch.Generator().manual_seed(0)
    source, target = (torch.rand(count, 3, 32, 32, generator=random) * 2 - 1 for _ in range(2))
    draws = torch.tensor([draw(0, 0, i) for i in range(count)])
    return Batch(source=source, target=target, keys=[str(i) for i in range(count)], draws=draws)


def conditional(*names, variant=ConditionalGAN, generator=None, adversarial=None, **options):
    torch.manual_seed(0)
    return variant(
        generator=generator or make("generator", "unet64", depth=3, width=4, dropout=0.0),
        discriminator=make("discriminator", "patchgan16", width=4, norm="instance"),
        adversarial=AdversarialTerms([Weighted(1.0, make("adversarial", adversarial or "lsgan"))]),
        reconstruction=Terms([Weighted(10.0, nn.L1Loss())]),
        discriminator_augmentation=[make(KIND, name) for name in names] or [make(KIND, "diffaugment")],
        **options,
    )


def losses_of(method, given):
    """The losses of a step in which nothing is updated, and what was logged."""
    taken = []
    logged = method.train_step(given, lambda losses: taken.extend(losses.items()), step=0)
    return taken, logged


def test_a_step_of_pix2pix_by_hand():
    method, given, augment = conditional(), batch(), make(KIND, "diffaugment")
    taken, _ = losses_of(method, given)
    fake = method.generator(given.source)
    judged = {
        stream: method.discriminator(*augment(given.source, image, given.draws, stream=stream)).logits[0]
        for stream, image in ((".real", given.target), (".fake", fake.detach()), (".generator", fake))
    }
    loss_d = ((judged[".real"] - 1).square().mean() + judged[".fake"].square().mean()) / 2
    loss_g = (judged[".generator"] - 1).square().mean() + 10 * (fake - given.target).abs().mean()
    for (group, loss), expected, network in zip(
        taken, (loss_d, loss_g), (method.discriminator, method.generator), strict=True
    ):
        torch.testing.assert_close(loss, expected)
        parameters = list(network.parameters())
        gradients = [torch.autograd.grad(value, parameters, retain_graph=True) for value in (loss, expected)]
        for mine, by_hand in zip(*gradients, strict=True):
            torch.testing.assert_close(mine, by_hand, msg=f"the gradient of {group}")


def test_without_augmentations_the_discriminator_gets_the_very_tensors():
    seen = []
    judge = AugmentedDiscriminator(lambda *given: seen.append(given))
    source, image = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    judge(source, image, torch.tensor([1]), role="real")
    assert seen[0][0] is source
    assert seen[0][1] is image
    assert judge.state_dict() == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["diffaugment", "ada"])
@pytest.mark.parametrize("variant", VARIANTS.values())
def test_every_order_keeps_the_contract(variant, name):
    check_method(conditional(name, variant=variant), groups=GROUPS)


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_the_real_images_of_a_step_are_counted_once(variant):
    method = conditional("ada", variant=variant)
    losses_of(method, batch())
    total, count = method.judge.augmentations[0].chance.seen.tolist()
    assert count == 4
    assert abs(total) <= 4


class Same(nn.Module):
    """A generator that knows the targets."""

    def __init__(self, target):
        super().__init__()
        self.target, self.added = target, nn.Parameter(torch.zeros(()))

    def forward(self, source):
        return self.target + self.added + 0 * source


def test_features_of_a_perfect_translation_are_those_of_the_target():
    given = batch()
    features = AdversarialTerms(
        [Weighted(1.0, make("adversarial", "lsgan")), Weighted(10.0, make("adversarial", "feature-matching"))]
    )
    torch.manual_seed(0)
    method = ConditionalGAN(
        generator=Same(given.target),
        discriminator=make("discriminator", "multiscale", width=4),
        adversarial=features,
        reconstruction=Terms([]),
        discriminator_augmentation=[make(KIND, "diffaugment"), make(KIND, "ada", start=0.8)],
    )
    fake = method.generator(given.source)
    on_fake = method.judge(given.source, fake, given.draws, role="generator")
    lsgan = sum((logits - 1).square().mean() for logits in on_fake.logits) / 2
    torch.testing.assert_close(method.generator_terms(fake, given)["adversarial"], lsgan)
    on_real = method.judge(given.source, given.target, given.draws, role="real")
    assert not torch.allclose(on_real.logits[0], on_fake.logits[0], atol=1e-3)  # D's own update has other draws


def test_a_penalty_looks_at_what_the_discriminator_saw():
    seen = {}

    def penalty(discriminator, given, fake):
        seen.update(target=given.target, source=given.source, fake=fake)
        return discriminator(given.source, given.target).logits[0].square().mean()

    given, augment = batch(), make(KIND, "diffaugment")
    method = conditional(penalty=Terms([Weighted(1.0, penalty)]))
    losses_of(method, given)
    source, target = augment(given.source, given.target, given.draws, stream=".real")
    assert torch.equal(seen["source"], source)
    assert torch.equal(seen["target"], target)
    with torch.no_grad():
        fake = augment(None, method.generator(given.source), given.draws, stream=".real")[1]
    torch.testing.assert_close(seen["fake"], fake)


def test_masked_pixels_stay_out_of_sight():
    given = batch()
    valid = torch.ones(4, 1, 32, 32)
    valid[..., :16] = 0
    given = Batch(**{**vars(given), "target": given.target * valid, "valid": valid})
    method, seen = conditional(), []
    method.judge.augmentations = [make(KIND, "diffaugment", policy=("translation", "cutout"))]
    method.discriminator.register_forward_hook(lambda _, inputs, __: seen.append(inputs[1]))
    method.judge.discriminator = method.discriminator
    losses_of(method, given)
    # Moved by 4 pixels at most: what was masked left of 12 is 0 in all three passes.
    assert len(seen) == 3
    assert all(not image[..., :12].any() for image in seen)


def cyclegan(*, spec, **options):
    torch.manual_seed(0)
    return CycleGAN(
        generator=make("generator", "resnet6", width=2, blocks=1),
        backward_generator=make("generator", "resnet6", width=2, blocks=1),
        discriminator=make("discriminator", "patchgan16", width=2, **DISCRIMINATOR),
        backward_discriminator=make("discriminator", "patchgan16", width=2, **DISCRIMINATOR),
        adversarial=AdversarialTerms([Weighted(1.0, make("adversarial", "lsgan"))]),
        cycle=Terms([Weighted(10.0, nn.L1Loss())]),
        identity=Terms([]),
        discriminator_augmentation=[make(KIND, "ada", interval=1, kimg=0.01, **options)],
        context=Context(make=make, data_spec=spec),
    )


def test_each_discriminator_of_cyclegan_has_a_probability_and_draws_of_its_own():
    method, given = cyclegan(spec=DataSpec(), start=0.5), batch()
    sure, unsure = (DiscriminatorOutput([torch.full((4, 1, 2, 2), value)]) for value in (2.0, -2.0))
    method.judges["target"].observe(sure, threshold=0.5)
    method.judges["source"].observe(unsure, threshold=0.5)
    for judge in method.judges.values():
        judge.begin(0)  # the first interval has no step yet
        judge.begin(1)
    logged = {k: float(v) for judge in method.judges.values() for k, v in judge.health(torch.device("cpu")).items()}
    assert logged["health.augment_p.discriminator"] == pytest.approx(0.8)
    assert logged["health.augment_p.backward_discriminator"] == pytest.approx(0.1)
    other = cyclegan(spec=DataSpec())
    other.load_state_dict(method.state_dict())
    assert other.judges["source"].augmentations[0].values()["augment_p"] == pytest.approx(0.1)
    same = method.judges["target"].augmentations[0].chance, method.judges["source"].augmentations[0].chance
    same[0].p = same[1].p = 0.5
    seen = [judge.augmented(None, given.target, given.draws, role="real")[1] for judge in method.judges.values()]
    assert not torch.equal(*seen)


def test_colours_of_either_side_of_cyclegan_are_looked_at():
    classes = ImageSpec(kind="labels", channels=1, classes=3)
    for spec in (DataSpec(source=classes), DataSpec(target=classes)):
        with pytest.raises(ConfigError, match="class planes"):
            cyclegan(spec=spec)


def test_half_precision_of_a_generator_is_no_precision_of_the_augmentation():
    seen = []
    judge = AugmentedDiscriminator(lambda *given: seen.append(given), [make(KIND, "ada", start=0.8)])
    image = torch.rand(4, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        judge(image.bfloat16(), image.bfloat16(), torch.arange(4), role="fake")
    assert {x.dtype for x in seen[0]} == {torch.float32}
