"""What samples have in common beside their looks: the patient, the slide, the folder. Splits must not divide it."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

HELD_OUT = 0.1  # share of the pairs
WORDS = "patient|pat|subject|sub|case|donor|mouse|animal|slide|specimen|sample|plate|well|scene|video|clip|session"
NAMED = re.compile(rf"(?i)(?:^|[/_\-. ])((?:{WORDS})[_\- ]?[a-z]?\d+)(?=$|[/_\-. ])")
CODE = re.compile(r"^([A-Za-z]{1,3}\d+)[_\-. ]")  # P01_tile_3
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def groups_of(keys: Sequence[str]) -> tuple[str, list[str]]:
    """What groups these samples, in words, and the group of each; "" and nothing where no group has two samples.

    Keys are names with folders, without what tells source and target apart.
    """
    named = [NAMED.findall(key) for key in keys]
    folders = ["/".join(p for p in key.split("/")[:-1] if p not in SPLITS) for key in keys]
    codes = [CODE.match(key.rpartition("/")[2]) for key in keys]
    options = (
        ("names", [found[0].lower() if found else "" for found in named]),
        ("folders", folders),
        ("names", [code[1] if code else "" for code in codes]),
    )
    for what, groups in options:
        if all(groups) and 2 <= len(set(groups)) <= len(groups) / 2:
            return what, groups
    return "", []


def splits_of(keys: Sequence[str], groups: Sequence[str]) -> list[str]:
    """The split of each sample: that of its folder, else by its group; nothing where neither says one."""
    folders = [next((SPLITS[p] for p in key.split("/")[:-1] if p in SPLITS), "") for key in keys]
    if all(folders) and "train" in folders:
        return folders
    if not groups:
        return [""] * len(keys)
    held, counts = set[str](), Counter(groups)
    for group in sorted(counts, key=_rank)[:-1]:  # one is left to train on
        if sum(counts[g] for g in held) >= HELD_OUT * len(groups):
            break
        held.add(group)
    return ["val" if group in held else "train" for group in groups]


def _rank(group: str) -> bytes:
    return hashlib.blake2b(group.encode("utf-8", "surrogateescape"), digest_size=8).digest()
