"""CycleGAN's networks: one or two generators, and the discriminators of both kinds of pictures."""

import re
from pathlib import PurePath

from imtrans.errors import CheckpointError
from imtrans_junyanz.records import PAIR, File, Files, FilledSlots, blind


def cyclegan(generators: Files, critics: Files) -> FilledSlots:
    """Both generators, or the one of a direction, and the discriminator of each kind of picture that is there."""
    ordered = _ordered(generators)
    name, first = ordered[0]
    slots = dict(zip(("generator", "backward_generator"), ordered, strict=False))
    for index, critic in enumerate(critics):
        slot = _critic_slot(critic, index, critics=critics, first=name, is_alone=len(ordered) == 1)
        channels = first.target if slot == "discriminator" else first.source
        if slot in slots:
            raise CheckpointError(
                f"{slots[slot][0]}, {critic[0]}: two discriminators of one kind of picture", hint=PAIR
            )
        slots[slot] = blind(critic, channels)
    return FilledSlots(
        recipe="cyclegan",
        slots=slots,
        # A picture of one kind is then no input of the other's generator.
        settings={"identity.weight": 0.0} if first.source != first.target else {},
        notes=_directions(ordered),
    )


def _directions(generators: Files) -> list[str]:
    if len(generators) == 1:
        return ["one direction alone: it cannot be asked for --direction BtoA, for which there is no trained generator"]
    there, back = (name for name, _ in generators)
    is_named = all(_letter(name) for name, _ in generators)
    return [f"AtoB is {there}, BtoA is {back}" + ("" if is_named else ", in the order in which they were given")]


def _ordered(generators: Files) -> Files:
    """That from A to B first: by the letters in the files' names, for the weights of both may look the same."""
    letters = [_letter(name) for name, _ in generators]
    names = ", ".join(name for name, _ in generators)
    if len(generators) == 2 and letters[0] and letters[0] == letters[1]:
        raise CheckpointError(f"{names}: two generators of one direction", hint=PAIR)
    ways = [(layout.source, layout.target) for _, layout in generators]
    if len(ways) == 2 and ways[0] != ways[1][::-1]:
        what = " and ".join(f"{source} to {target}" for source, target in ways)
        raise CheckpointError(
            f"{names}: translate {what} channels, which are not two ways between two kinds", hint=PAIR
        )
    return sorted(generators, key=lambda file: _letter(file[0])) if all(letters) else generators


def _critic_slot(critic: File, index: int, *, critics: Files, first: str, is_alone: bool) -> str:
    """Which pictures a discriminator has seen: those that the first generator makes, or the others."""
    letter = _letter(critic[0])
    if letter:  # D_A has seen what G_A makes
        return "discriminator" if letter == (_letter(first) or "A") else "backward_discriminator"
    if len(critics) == 1 and not is_alone:
        what = "may belong to either generator: its name does not end in D_A or D_B"
        raise CheckpointError(
            f"{critic[0]}: {what}", hint="Give both discriminators, that of the first generator first."
        )
    return ("discriminator", "backward_discriminator")[index]


def _letter(name: str) -> str:
    """The A or B at the end of a file's name, by which CycleGAN's networks differ; empty where there is none."""
    match = re.search(r"_net_[GD]_([AB])$", PurePath(name).stem)
    return match.group(1) if match else ""
