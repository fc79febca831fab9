"""Faults of the pictures that a run makes, by the statistics of its samples."""

from collections.abc import Iterator

from imtrans.kit.report.metric_history import History
from imtrans_observers.diagnosis.image_stats import ImageStats
from imtrans_observers.diagnosis.log_faults import lower_lr
from imtrans_observers.diagnosis.records import Diagnosis, RunFacts
from imtrans_observers.diagnosis.thresholds import bound

MEAN, COLLAPSED = "G copies the mean", "colours collapsed"
FIXED, CHECKERBOARD = "fixed pattern", "checkerboard"


def picture_faults(history: History, stats: ImageStats, facts: RunFacts) -> Iterator[Diagnosis]:
    """The faults of the samples, the worst first."""
    if stats.target_spread >= bound("coloured") and stats.spread < bound("same"):
        sentence = f"the predictions differ from each other by {stats.spread:.0%} of what the targets do."
        wider = facts.larger("generator.width", factor=2, most=256)
        hint = (
            f"a wider generator that sees its input: {wider}" if wider else "another generator: imtrans list generators"
        )
        yield Diagnosis(name=MEAN, sentence=sentence, hint=hint)
    if stats.target_colours >= bound("coloured") and stats.colours < bound("grey"):
        sentence = f"the predictions have {stats.colours:.0%} of the targets' spread of colours."
        yield Diagnosis(name=COLLAPSED, sentence=sentence, hint=_more_adversarial(facts))
    if stats.grid >= bound("grid") and stats.peaks >= bound("peaks"):
        sentence = (
            f"at periods of 2 and 4 pixels the predictions stand out {stats.peaks:.0f} times as much as the targets."
        )
        yield Diagnosis(name=CHECKERBOARD, sentence=sentence, hint=_smoother_upsampling(facts))
    if stats.fixed >= bound("blob"):
        sentence = (
            f"{stats.fixed:.0%} of the pixels are alike on all predictions and as on no target: one mark on each."
        )
        yield Diagnosis(name=FIXED, sentence=sentence, hint=lower_lr(history, "generator", "a lower --lr"))


def saturated(history: History, stats: ImageStats) -> Diagnosis | None:
    """Predictions lie at the ends of a channel, where the targets do not."""
    if stats.saturated < bound("saturated"):
        return None
    sentence = f"{stats.saturated:.0%} of the predicted pixels lie at the end of a channel, where the targets' do not."
    return Diagnosis(name=COLLAPSED, sentence=sentence, hint=lower_lr(history, "generator", "a lower --lr"))


def _more_adversarial(facts: RunFacts) -> str:
    keys = [key for key in facts.values if key.startswith("adversarial.") and key.endswith(".weight")]
    more = facts.larger(keys[0], factor=5, most=100) if keys else ""
    weight = more or ("--set adversarial.weight=1" if keys and not facts.values[keys[0]] else "")
    return f"more weight for the discriminator's loss: {weight}" if weight else "a longer training"


def _smoother_upsampling(facts: RunFacts) -> str:
    if facts.values.get("generator.upsampling") == "transposed":
        return "upsampling that leaves no such pattern: --set generator.upsampling=resize"
    return "a longer training; such a pattern often fades"
