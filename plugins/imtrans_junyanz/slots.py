"""Which recipe the networks of several files make, and which slot each of them fills."""

from collections.abc import Mapping

from imtrans.errors import CheckpointError
from imtrans_junyanz.layouts import Layout, Part
from imtrans_junyanz.records import PAIR, File, Files, FilledSlots, blind
from imtrans_junyanz.two_ways import cyclegan

MAPS = 5  # of which CUT compares patches, and which the generators here give


def filled_slots(layouts: Mapping[str, Layout]) -> FilledSlots:
    """What the files are together. CheckpointError where they are not the files of one run."""
    generators, critics, mlps = (_of(layouts, p) for p in ("generator", "discriminator", "patch_network"))
    _check_counts(generators, critics, mlps)
    generator = generators[0][1]
    if len(generators) == 2:
        return cyclegan(generators, critics)
    if mlps or generator.blurs:
        return cut(generators[0], critics, mlps)
    is_blind = all(layout.source == generator.target for _, layout in critics)
    return cyclegan(generators, critics) if generator.is_unpaired and is_blind else pix2pix(generators[0], critics)


def _of(layouts: Mapping[str, Layout], part: Part) -> Files:
    return [(name, layout) for name, layout in layouts.items() if layout.part == part]


def _check_counts(generators: Files, critics: Files, mlps: Files) -> None:
    first = next(name for files in (critics, mlps, generators) for name, _ in files)
    if not generators:
        what = "a discriminator" if critics else "the network by which CUT compares patches"
        hint = f"Give the generator's file, too: imtrans import latest_net_G.pth {first}"
        raise CheckpointError(f"{first}: is {what}, which translates nothing alone", hint=hint)
    counts = len(generators), len(critics), len(mlps)
    if counts[0] > 2 or counts[1] > 2 or counts[2] > 2 - counts[0]:
        names = ", ".join(name for name, _ in (*generators, *critics, *mlps))
        what = "{} generators, {} discriminators and {} networks for patches".format(*counts)
        hint = "A run has one of each; CycleGAN has two generators and two discriminators. Give the files of one run."
        raise CheckpointError(f"{names}: {what} are not one run", hint=hint)


def pix2pix(generator: File, critics: Files) -> FilledSlots:
    """One generator, and the discriminator that sees the source or does not."""
    if not critics:
        return FilledSlots(recipe="pix2pix", slots={"generator": generator})
    name, layout = _only(critics)
    channels, source, target = layout.source, generator[1].source, generator[1].target
    if channels not in (target, source + target):
        what = f"takes {channels} channels; the generator's source and target have {source} and {target}"
        raise CheckpointError(f"{name}: {what}", hint=PAIR)
    critic = name, layout.with_options(conditional=channels != target)
    return FilledSlots(recipe="pix2pix", slots={"generator": generator, "discriminator": critic})


def cut(generator: File, critics: Files, mlps: Files) -> FilledSlots:
    """A residual net, and what it was trained with."""
    name, layout = generator
    if not layout.use.name.startswith("resnet"):
        raise CheckpointError(f"{name}: is {layout.words}; CUT compares patches of a residual net", hint=PAIR)
    slots = {"generator": generator}
    if critics:
        slots["discriminator"] = blind(_only(critics), layout.target)
    notes = []
    if mlps and layout.has_maps_of_cut:
        slots["patch_network"] = _five_maps(mlps[0])
    elif mlps:
        notes = [f"{mlps[0][0]} is left out: without smooth downsampling or with few blocks its maps are other ones"]
    return FilledSlots(recipe="cut", slots=slots, notes=notes)


def _only(critics: Files) -> File:
    if len(critics) > 1:
        raise CheckpointError(f"{', '.join(name for name, _ in critics)}: two discriminators; there is one", hint=PAIR)
    return critics[0]


def _five_maps(mlps: File) -> File:
    name, layout = mlps
    if layout.source != MAPS:
        raise CheckpointError(
            f"{name}: compares patches of {layout.source} maps; cut takes {MAPS}", hint="Leave this file out."
        )
    return mlps
