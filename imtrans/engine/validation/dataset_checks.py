"""What shows only when samples are compared: with the others of their split, and with those of other splits."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.validation.sample_report import LOSSY, MOST_COLOURS, ImageStats, SampleReport, digest
from imtrans.errors import DataError
from imtrans.interfaces import Issue, Split
from imtrans.kit.images import decode, with_channels

Found = tuple[int | None, Issue]
Exams = Mapping[int, SampleReport]
ENOUGH = 20  # samples of which something can be said that holds for most
MOST = 0.95
MOST_CONSTANT = 0.01
# Share of flat pixels by which drawn areas exceed photos: measured medians are 0.43 (facades), 0.30 (cityscapes) and
# 0.19 (edges2shoes); the least of any pair of these is 0.03.
FLATTER = 0.12
# A pair is swapped where it is this much of the usual difference the other way round, and lies this much closer to the
# others when it is turned: of 4,125 real pairs 3 are the first (of cityscapes), and none of these is closer than 1.3.
REVERSED, CLOSER = 0.4, 0.8
FEW_COLOURS = 0.75  # what 16 coarse colours hold of label maps: 0.84 to 0.93 (facades, cityscapes), of edges: 1
PALETTE, STRAY = 64, 8
SIDES = ("source", "target")


def within(exams: Exams, loading: PairLoader) -> Iterator[Found]:
    """What is odd within a split, whose sound samples these are, and which of them do not fit the others."""
    names = SIDES[::-1] if loading.is_reversed else SIDES
    sides = {
        name: {i: look for i, e in exams.items() if (look := getattr(e, side))}
        for name, side in zip(names, SIDES, strict=True)
    }
    yield from _duplicates(exams)
    for name, looks in sides.items():
        yield from _constant(name, looks, exams)
        yield from _strays(name, looks, exams, place=0 if SIDES[names.index(name)] == "source" else -1)
    yield from _odd_modes(exams)
    yield from _turned(exams)
    if loading.source.is_paired:
        yield from _sides(exams, loading)


def between(exams: Mapping[Split, Exams]) -> Iterator[tuple[Split, Issue]]:
    """Samples of another split that are samples to train on, whole or on one side."""
    train = [e for e in exams.get("train", {}).values() if e.source and e.target]
    known = {(side, key): e for e in train for side, key in _contents(e)}
    for split in (s for s in exams if s != "train"):
        for exam in exams[split].values():
            same = next(((side, known[side, key]) for side, key in _contents(exam) if (side, key) in known), None)
            if same and same[1].files != exam.files:
                side, other = same
                what = f"{_name(exam)}: the same {side} as {_name(other)}, which is trained on"
                yield split, _warning("overlap", what, (*exam.files, *other.files))


def _contents(exam: SampleReport) -> Iterator[tuple[str, str]]:
    """What tells a sample, most telling first. A constant side tells nothing."""
    source, target = exam.source, exam.target
    if source and target and not (source.is_constant and target.is_constant):
        yield "pair", source.digest + target.digest
    for side, look in (("source", source), ("target", target)):
        if look and not look.is_constant:
            yield side, look.digest


def _duplicates(exams: Exams) -> Iterator[Found]:
    groups: dict[str, list[SampleReport]] = defaultdict(list)
    for exam in exams.values():
        content = next(_contents(exam), ("", ""))
        if content[0] == "pair":
            groups[content[1]].append(exam)
    for same in groups.values():
        if len(same) > 1:
            names = ", ".join(_name(e) for e in same)
            yield None, _warning("duplicate", f"{names}: the same pair", [f for e in same for f in e.files])


def _constant(name: str, looks: Mapping[int, ImageStats], exams: Exams) -> Iterator[Found]:
    plain = [i for i, look in looks.items() if look.is_constant]
    if len(plain) > MOST_CONSTANT * len(looks):
        yield (
            None,
            _warning(
                "constant",
                f"{len(plain):,} of {len(looks):,} {name}s are one colour: {_few(_name(exams[i]) for i in plain)}",
                [f for i in plain for f in exams[i].files],
            ),
        )


def _odd_modes(exams: Exams) -> Iterator[Found]:
    """Files of another mode than most at their place in a pair."""
    for place in range(max((len(e.modes) for e in exams.values()), default=0)):
        modes = {i: e.modes[place] for i, e in exams.items() if len(e.modes) > place and len(e.files) == len(e.modes)}
        usual = Counter(modes.values()).most_common(1)[0][0] if modes else ""
        for i, mode in modes.items():
            if mode != usual:
                file = exams[i].files[place]
                yield i, _warning("odd-mode", f"{file}: {_mode(mode)} among {_mode(usual)}", [file])


def _turned(exams: Exams) -> Iterator[Found]:
    """A camera's turn on one side of a pair only: the other was turned by hand, or was not."""
    for i, exam in exams.items():
        if len(exam.orientations) == 2 and len(set(exam.orientations)) == 2:
            told = " and ".join(map(str, exam.orientations))
            yield i, _warning("turned", f"{_name(exam)}: EXIF orientations {told}", exam.files)


def _sides(exams: Exams, loading: PairLoader) -> Iterator[Found]:
    """Which side is drawn and which a photo, where that can be told; pairs that are the other way round."""
    both = {i: (e.source, e.target) for i, e in exams.items() if e.source and e.target}
    rows = {i: (s.flat, t.flat) for i, (s, t) in both.items() if s.flat is not None and t.flat is not None}
    if len(rows) < ENOUGH:
        return
    numbers = [*rows]
    differences = np.array([rows[i][1] - rows[i][0] for i in numbers])
    usual = float(np.median(differences))
    if abs(usual) < FLATTER or (differences * np.sign(usual) > 0).mean() < MOST:
        return
    far = _distance([both[i] for i in numbers])
    reversed_ = differences * np.sign(usual) < -REVERSED * abs(usual)
    swapped = [i for i, r in zip(numbers, reversed_, strict=True) if r and far(both[i][::-1]) < CLOSER * far(both[i])]
    for i in swapped:
        what = f"{_name(exams[i])}: source and target seem swapped, compared with the other pairs"
        yield i, Issue(code="swapped", what=what, hint="Exchange the two.", files=_paths(exams[i].files))
    is_target = (usual > 0) != loading.is_reversed
    drawn = {i: both[i][usual > 0] for i in numbers if i not in swapped}
    if _few_colours(drawn.values()) >= FEW_COLOURS:
        yield from _lossy("target" if is_target else "source", drawn, exams, place=-1 if usual > 0 else 0)
        if is_target:
            what = "the source looks like photos, the target like label maps or drawings"
            other = "AtoB" if loading.is_reversed else "BtoA"
            hint = f"If you meant the other way: --set data.direction={other}"
            yield None, Issue(code="direction", what=what, hint=hint, is_fault=False)


def _lossy(name: str, drawn: Mapping[int, ImageStats], exams: Exams, *, place: int) -> Iterator[Found]:
    """Drawn areas or lines that were kept with loss."""
    lossy = [i for i in drawn if exams[i].formats and exams[i].formats[place] in LOSSY]
    if lossy and _is_stored(drawn[lossy[0]], Path(exams[lossy[0]].files[place])):
        what = f"{len(lossy):,} of {len(drawn):,} {name}s look like label maps or drawings, and are JPEG"
        yield None, _warning("jpeg-labels", what, [exams[i].files[place] for i in lossy])


def _is_stored(look: ImageStats, file: Path) -> bool:
    """Whether a side is what its file holds, whole or one half of it: a pair maker's drawing of a photo is not."""
    try:
        whole = with_channels(decode(file), look.shape[-1])
    except DataError:
        return False
    half = whole.shape[1] // 2
    return look.digest in {digest(part) for part in (whole, whole[:, :half], whole[:, half:])}


def _strays(name: str, looks: Mapping[int, ImageStats], exams: Exams, *, place: int) -> Iterator[Found]:
    """Pictures of a side of few colours that have colours of their own."""
    whole = {i: k for i, k in looks.items() if not (exams[i].formats and exams[i].formats[place] in LOSSY)}
    plain = {i: k.colours for i, k in whole.items() if 0 < len(k.colours) <= PALETTE}
    if len(plain) < max(ENOUGH, 0.9 * len(looks)):
        return
    counts = Counter(colour for colours in plain.values() for colour in colours)
    palette = {colour for colour, count in counts.items() if count >= max(3, 0.02 * len(plain))}
    if not 2 <= len(palette) <= PALETTE:
        return
    for i, look in whole.items():
        stray = len(set(look.colours) - palette) if look.colours else MOST_COLOURS + 1
        if stray >= STRAY and look.flat is not None:
            told = f"{stray}" if look.colours else f"more than {MOST_COLOURS}"
            file = exams[i].files[place] if exams[i].files else exams[i].key
            what = f"{file}: {told} colours beside the {len(palette)} of the other {name}s"
            hint = "Save it without smoothing or compression, or resize it with the nearest pixel."
            files = _paths([file] if exams[i].files else [])
            yield i, Issue(code="colours", what=what, hint=hint, files=files)


def _few_colours(looks: Iterable[ImageStats]) -> float:
    """The share of flat pixels that the 16 commonest coarse colours of a side hold."""
    summed: Counter[int] = Counter()
    count = 0
    for look in looks:
        summed.update(look.top)
        count += 1
    return sum(share for _, share in summed.most_common(16)) / max(1, count)


def _distance(pairs: Sequence[tuple[ImageStats, ImageStats]]) -> Callable[[Sequence[ImageStats]], float]:
    """How far a pair lies from the usual one, in what is usual: by flatness and colour of both sides."""
    rows = np.array([_row(pair) for pair in pairs])
    middle = np.median(rows, axis=0)
    spread = np.median(np.abs(rows - middle), axis=0) + 1e-3
    return lambda pair: float(np.abs((_row(pair) - middle) / spread).clip(max=10).mean())


def _row(pair: Sequence[ImageStats]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([v for look in pair for v in (look.flat or 0.0, *look.mean)])


def _mode(mode: str) -> str:
    names = {
        "1": "black and white (mode 1)",
        "L": "grey (L)",
        "LA": "grey with alpha (LA)",
        "P": "a palette (P)",
        "RGB": "colour (RGB)",
        "RGBA": "colour with alpha (RGBA)",
        "CMYK": "CMYK",
        "F": "float (F)",
    }
    return names.get(mode, f"16 bit ({mode})" if ";16" in mode or mode.startswith("I") else mode)


MENDS = {
    "duplicate": "Take all but one away: the same pair counts several times.",
    "overlap": "Take it out of one of the splits: scores on pictures that were trained on say little.",
    "constant": "If they are no accident, let it be; batches of such pictures teach nothing.",
    "odd-mode": "It is converted; see that it means the same, or save it as the others are.",
    "turned": "Both sides are turned as EXIF says; see that they still fit each other.",
    "jpeg-labels": "JPEG blurs their borders and colours; keep them as PNG where you have the originals.",
}


def _warning(code: str, what: str, files: Iterable[str]) -> Issue:
    return Issue(code=code, what=what, hint=MENDS[code], files=_paths(files), is_fault=False)


def _paths(files: Iterable[str]) -> tuple[Path, ...]:
    return tuple(map(Path, files))


def _name(exam: SampleReport) -> str:
    return " and ".join(exam.files) if exam.files else exam.key


def _few(names: Iterable[str]) -> str:
    told = [*names]
    return ", ".join(told[:3]) + (f", and {len(told) - 3:,} more" if len(told) > 3 else "")
