"""Pairs by names: files whose names differ in one word, in their own name or in that of a folder."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

TOKENS = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]+")
SOURCES = """a before bf blur blurry brightfield he image images img imgs in input inputs low lr noisy phase photo
    photos raw sketch sketches source sources src x"""
TARGETS = """after ann annotation annotations b clean fluor groundtruth gt high hr ihc label labels mask masks out
    output outputs seg sharp target targets tgt y"""
SOURCE_WORDS, TARGET_WORDS = frozenset(SOURCES.split()), frozenset(TARGETS.split())
MAX_WORDS = 8  # in one place
MARK, MARK_OF_NUMBER = re.compile(r"[_\-. ]?$"), re.compile(r"[_\-. ]?[A-Za-z]*$")
COMPLETE = 0.5  # share of the names with either word that must have a partner
SHARE = 0.2  # share of all pictures that must be in pairs
Key = tuple[str, ...]  # a name without one word, whose place is marked


@dataclass(frozen=True, kw_only=True)
class NamePairs:
    """Pairs of files, (source, target), with what tells the two apart: `words`, and in `place` where these stand.

    `patterns` select the files of either side; empty where no pattern does. `keys` name what the two have in common.
    """

    words: tuple[str, str]
    place: str
    pairs: Sequence[tuple[str, str]]
    keys: Sequence[str]
    patterns: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether both words are usual ones for source and target."""
        one, two = (re.sub(r"[^a-z]", "", word.lower()) for word in self.words)
        return one in SOURCE_WORDS and two in TARGET_WORDS

    def __str__(self) -> str:
        one, two = self.words
        return f"{self.place} {one} / {two}"


def by_names(names: Sequence[str]) -> list[NamePairs]:
    """The ways in which one word of their names pairs files, the most pairs first. Names are relative, with suffix."""
    slots: dict[Key, dict[str, str]] = defaultdict(dict)
    for name in names:
        tokens = TOKENS.findall(_stem(name))
        for i, token in enumerate(tokens):
            if token[0].isalnum():
                slots[(*tokens[:i], "\0", *tokens[i + 1 :])].setdefault(token, name)
    couples: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for key, words in slots.items():
        for couple in _couples(words):
            couples[couple].append(key)
    likely = sorted(couples.items(), key=lambda item: -len(item[1]))[:8]
    found = [_of_words(slots, words, keys, len(names)) for words, keys in likely]
    return [pairs for pairs in found if pairs]


def by_folders(names: Sequence[str]) -> list[NamePairs]:
    """Pairs of files from folders that differ in one name, where the names of the files end or begin otherwise."""
    folders: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folders[os.path.dirname(name)].append(name)
    slots: dict[Key, dict[str, str]] = defaultdict(dict)
    for folder in folders:
        parts = folder.split("/")
        for i, part in enumerate(parts):
            slots[(*parts[:i], "\0", *parts[i + 1 :])][part] = folder
    couples: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for key, places in slots.items():
        for one, two in _couples(places):
            couples[one, two] += _matched(folders[places[one]], folders[places[two]], "/".join(key))
    found = []
    for words, matched in couples.items():
        if 2 * len(matched) >= SHARE * len(names) and matched:
            pairs = [(a, b) for _, a, b in matched]
            found.append(NamePairs(words=words, place="folders", pairs=pairs, keys=[k for k, _, _ in matched]))
    return sorted(found, key=lambda p: -len(p.pairs))


def _couples(words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Words that stand in one place, by two, the source first; numbers only where there are no more than two."""
    ordered = sorted(words, key=lambda w: (w.lower() in TARGET_WORDS, w.lower() not in SOURCE_WORDS, w))
    if len(ordered) > MAX_WORDS:  # a counter, not a choice of sides
        return
    for i, one in enumerate(ordered):
        for two in ordered[i + 1 :]:
            if not (one.isdigit() or two.isdigit()) or len(ordered) == 2:
                yield one, two


def _of_words(
    slots: Mapping[Key, Mapping[str, str]], words: tuple[str, str], both: Sequence[Key], total: int
) -> NamePairs | None:
    """The pairs of two words, in whose places `both` stand; None where too many have no partner."""
    one, two = words
    either = sum(len(found) <= MAX_WORDS and (one in found or two in found) for found in slots.values())
    if len(both) < COMPLETE * either or 2 * len(both) < SHARE * total or (one.isdigit() and len(both) < 2):
        return None
    pairs = sorted((slots[key][one], slots[key][two], "".join(key).replace("\0", "")) for key in both)
    place, shown, patterns = _place(both[0], words)
    keys = [key.strip("_-. /") or str(i) for i, (_, _, key) in enumerate(pairs)]
    return NamePairs(words=shown, place=place, pairs=[(a, b) for a, b, _ in pairs], keys=keys, patterns=patterns)


def _place(key: Key, words: tuple[str, str]) -> tuple[str, tuple[str, str], tuple[str, str]]:
    """Where the words stand, how they are shown, and patterns that select either side."""
    i = key.index("\0")
    before, after = "".join(key[:i]), "".join(key[i + 1 :])
    if "/" in after:
        head, tail = before.rpartition("/")[2], after.partition("/")[0]
        shown = (f"{head}{words[0]}{tail}", f"{head}{words[1]}{tail}")
        start = "*/" if "/" in before else ""
        return "folders", shown, (f"{start}{shown[0]}/*", f"{start}{shown[1]}/*")
    mark = str((MARK_OF_NUMBER if words[0].isdigit() else MARK).findall(before)[0])
    if not after:
        shown = (f"{mark}{words[0]}", f"{mark}{words[1]}")
        return "names end in", shown, (f"*{shown[0]}", f"*{shown[1]}")
    end = after[:1] if after[:1] in "_-. " else ""
    shown = (f"{mark}{words[0]}{end}", f"{mark}{words[1]}{end}")
    is_first = not before or before.endswith("/")
    patterns = (f"{'' if not before else '*'}{shown[0]}*", f"{'' if not before else '*'}{shown[1]}*")
    return "names begin with" if is_first else "names with", shown, patterns


def _matched(one: Sequence[str], two: Sequence[str], around: str) -> list[tuple[str, str, str]]:
    """The files of two folders by what is left of their names without what all of a folder begin or end with."""
    first, second = _cores(one), _cores(two)
    place = around.replace("\0", "").strip("/")
    return [(f"{place}/{k}".strip("/"), first[k], second[k]) for k in first if k in second]


def _cores(names: Sequence[str]) -> dict[str, str]:
    tokens = {name: TOKENS.findall(_stem(os.path.basename(name))) for name in names}
    start, end = (_common([t[::step] for t in tokens.values()]) for step in (1, -1))
    cores = {"".join(t[start : len(t) - end]): name for name, t in tokens.items()}
    return cores if len(cores) == len(names) and len(names) > 1 else {}


def _common(lists: Sequence[Sequence[str]]) -> int:
    """How many tokens all begin with, numbers apart."""
    shortest = min(map(len, lists))
    for i in range(shortest):
        if len({tokens[i] for tokens in lists}) > 1 or lists[0][i].isdigit():
            return i
    return shortest


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]
