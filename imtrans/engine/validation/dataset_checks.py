"""Checks that compare samples: with the others of their split, and with those of other splits."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.validation.sample_report import LOSSY, MAX_COLOURS, ImageStats, SampleReport, digest
from imtrans.errors import DataError
from imtrans.interfaces import Issue, Split
from imtrans.kit.images import decode, with_channels

FoundIssue = tuple[int | None, Issue]  # with the index of its sample; None: of several
Reports = Mapping[int, SampleReport]
ENOUGH = 20  # samples from which on a rule is taken to hold for most of a data set
RULE_SHARE = 0.95  # share of samples for which a rule must hold
MAX_CONSTANT = 0.01
# Share of flat pixels by which drawings exceed photos: measured medians are 0.43 (facades), 0.30 (cityscapes) and
# 0.19 (edges2shoes); the least of any pair of these is 0.03.
FLATTER = 0.12
# A pair counts as swapped if its difference is this share of the median, with the other sign, and exchanging its sides
# brings it this much closer to the others. Of 4,125 real pairs 3 (of cityscapes) meet the first condition; exchanged,
# none of these comes closer than 1.3.
REVERSED, CLOSER = 0.4, 0.8
FEW_COLOURS = 0.75  # share that 16 coarse colours cover of label maps: 0.84 to 0.93 (facades, cityscapes), of edges: 1
PALETTE, STRAY = 64, 8  # colours of a palette at most; further colours of a picture that are reported
SIDES = ("source", "target")
# Of the 512 bits of both looks. Copies at another size or JPEG quality differ in 14 to 40; the closest two different
# pairs of training and validation in 30 (edges2shoes), 103 (facades) and 127 (cityscapes).
NEAR = 24


def within(reports: Reports, loading: PairLoader) -> Iterator[FoundIssue]:
    """Issues of a split as a whole, and of samples that differ from the others; `reports` have no faults."""
    names = SIDES[::-1] if loading.is_reversed else SIDES
    sides = {
        name: {i: stats for i, r in reports.items() if (stats := getattr(r, side))}
        for name, side in zip(names, SIDES, strict=True)
    }
    yield from _duplicates(reports)
    for name, stats_of_side in sides.items():
        yield from _constant(name, stats_of_side, reports)
        yield from _strays(name, stats_of_side, reports, file=0 if SIDES[names.index(name)] == "source" else -1)
    yield from _unusual_modes(reports)
    yield from _rotated(reports)
    if loading.source.is_paired:
        yield from _sides(reports, loading)


def between(reports: Mapping[Split, Reports]) -> Iterator[tuple[Split, Issue]]:
    """Samples of another split that are samples to train on, whole or on one side."""
    train = [r for r in reports.get("train", {}).values() if r.source and r.target]
    by_content = {(side, key): r for r in train for side, key in _contents(r)}
    for split in (s for s in reports if s != "train"):
        for report in reports[split].values():
            side, other = next(
                ((s, by_content[s, k]) for s, k in _contents(report) if (s, k) in by_content), ("", None)
            )
            # A data set whose splits are one set is not reported sample by sample.
            if other and other.files != report.files:
                what = f"{report.name}: the same {side} as {other.name}, which is trained on"
                yield split, _warning("overlap", what, (*report.files, *other.files))
        for report, other in _near([*reports[split].values()], train):
            if not any(c in by_content for c in _contents(report)):
                what = f"{report.name}: looks like {other.name}, which is trained on"
                yield split, _warning("near-overlap", what, (*report.files, *other.files))


def _near(
    reports: Sequence[SampleReport], trained: Sequence[SampleReport]
) -> Iterator[tuple[SampleReport, SampleReport]]:
    """Samples with the training sample that looks almost the same on both sides."""
    reports, trained = ([r for r in each if len(_bits(r))] for each in (reports, trained))
    if not reports or not trained:
        return
    ours, theirs = (np.array([_bits(r) for r in each]) for each in (reports, trained))
    for start in range(0, len(ours), 256):
        # Bits as -1 and 1: their product counts equal ones less different ones.
        distances = (512 - ours[start : start + 256] @ theirs.T) / 2
        for row in np.flatnonzero(distances.min(axis=1) <= NEAR):
            yield reports[start + row], trained[int(distances[row].argmin())]


def _bits(report: SampleReport) -> "np.ndarray[Any, Any]":
    """The looks of both sides as 512 numbers, -1 and 1; none where a side has no look."""
    looks = (report.source.look, report.target.look) if report.source and report.target else ("", "")
    bits = np.unpackbits(np.frombuffer(bytes.fromhex("".join(looks) if all(looks) else ""), np.uint8))
    return bits * np.float32(2) - 1


def _contents(report: SampleReport) -> Iterator[tuple[str, str]]:
    """What identifies a sample: the pair, then either side. A constant side identifies nothing."""
    source, target = report.source, report.target
    if source and target and not (source.is_constant and target.is_constant):
        yield "pair", source.digest + target.digest
    for side, stats in (("source", source), ("target", target)):
        if stats and not stats.is_constant:
            yield side, stats.digest


def _duplicates(reports: Reports) -> Iterator[FoundIssue]:
    groups: dict[str, list[SampleReport]] = defaultdict(list)
    for report in reports.values():
        side, content = next(_contents(report), ("", ""))
        if side == "pair":
            groups[content].append(report)
    for group in groups.values():
        if len(group) > 1:
            names = ", ".join(r.name for r in group)
            yield None, _warning("duplicate", f"{names}: the same pair", [f for r in group for f in r.files])


def _constant(name: str, stats: Mapping[int, ImageStats], reports: Reports) -> Iterator[FoundIssue]:
    constant = [i for i, s in stats.items() if s.is_constant]
    if len(constant) > MAX_CONSTANT * len(stats):
        names = _few(reports[i].name for i in constant)
        what = f"{len(constant):,} of {len(stats):,} {name}s are one colour: {names}"
        yield None, _warning("constant", what, [f for i in constant for f in reports[i].files])


def _unusual_modes(reports: Reports) -> Iterator[FoundIssue]:
    """Files of another mode than most files of their side."""
    for side in range(max((len(r.modes) for r in reports.values()), default=0)):
        modes = {i: r.modes[side] for i, r in reports.items() if len(r.modes) > side and len(r.files) == len(r.modes)}
        usual = Counter(modes.values()).most_common(1)[0][0] if modes else ""
        for i, mode in modes.items():
            if mode != usual:
                file = reports[i].files[side]
                yield i, _warning("odd-mode", f"{file}: {_mode(mode)} among {_mode(usual)}", [file])


def _rotated(reports: Reports) -> Iterator[FoundIssue]:
    """Pairs whose sides differ in their EXIF orientation: the pixels of one side may have been rotated already."""
    for i, report in reports.items():
        if len(report.orientations) == 2 and len(set(report.orientations)) == 2:
            orientations = " and ".join(map(str, report.orientations))
            yield i, _warning("turned", f"{report.name}: EXIF orientations {orientations}", report.files)


def _sides(reports: Reports, loading: PairLoader) -> Iterator[FoundIssue]:
    """Pairs whose sides are swapped, and drawings as targets, where one side is drawn and the other a photo."""
    both = {i: (r.source, r.target) for i, r in reports.items() if r.source and r.target}
    flat = {i: (s.flat, t.flat) for i, (s, t) in both.items() if s.flat is not None and t.flat is not None}
    if len(flat) < ENOUGH:
        return
    indices = [*flat]
    differences = np.array([flat[i][1] - flat[i][0] for i in indices])
    usual = float(np.median(differences))
    if abs(usual) < FLATTER or (differences * np.sign(usual) > 0).mean() < RULE_SHARE:
        return
    distance = _distance([both[i] for i in indices])
    opposite = [i for i, d in zip(indices, differences * np.sign(usual), strict=True) if d < -REVERSED * abs(usual)]
    swapped = [i for i in opposite if distance(both[i][::-1]) < CLOSER * distance(both[i])]
    for i in swapped:
        what = f"{reports[i].name}: source and target seem swapped, compared with the other pairs"
        yield i, Issue(code="swapped", what=what, hint="Exchange the two.", files=_paths(reports[i].files))
    is_target = (usual > 0) != loading.is_reversed
    drawn = {i: both[i][usual > 0] for i in indices if i not in swapped}
    if _few_colours(drawn.values()) >= FEW_COLOURS:
        yield from _lossy("target" if is_target else "source", drawn, reports, file=-1 if usual > 0 else 0)
        if is_target:
            what = "the source looks like photos, the target like label maps or drawings"
            other = "AtoB" if loading.is_reversed else "BtoA"
            hint = f"If you meant the other way: --set data.direction={other}"
            yield None, Issue(code="direction", what=what, hint=hint, is_fault=False)


def _lossy(name: str, drawn: Mapping[int, ImageStats], reports: Reports, *, file: int) -> Iterator[FoundIssue]:
    """Drawings or label maps that were stored with loss; `file` is the index of their side in the files of a pair."""
    lossy = [i for i in drawn if reports[i].formats and reports[i].formats[file] in LOSSY]
    if lossy and _is_stored(drawn[lossy[0]], Path(reports[lossy[0]].files[file])):
        what = f"{len(lossy):,} of {len(drawn):,} {name}s look like label maps or drawings, and are JPEG"
        yield None, _warning("jpeg-labels", what, [reports[i].files[file] for i in lossy])


def _is_stored(stats: ImageStats, file: Path) -> bool:
    """Whether a side is the content of its file, or one half of it; a drawing computed from a photo is not."""
    try:
        whole = with_channels(decode(file), stats.shape[-1])
    except DataError:
        return False
    half = whole.shape[1] // 2
    return stats.digest in {digest(part) for part in (whole, whole[:, :half], whole[:, half:])}


def _strays(name: str, stats: Mapping[int, ImageStats], reports: Reports, *, file: int) -> Iterator[FoundIssue]:
    """Pictures with further colours on a side that has a palette."""
    lossless = {i: s for i, s in stats.items() if not (reports[i].formats and reports[i].formats[file] in LOSSY)}
    few = {i: s.colours for i, s in lossless.items() if 0 < len(s.colours) <= PALETTE}
    if len(few) < max(ENOUGH, 0.9 * len(stats)):
        return
    counts = Counter(colour for colours in few.values() for colour in colours)
    palette = {colour for colour, count in counts.items() if count >= max(3, 0.02 * len(few))}
    if not 2 <= len(palette) <= PALETTE:
        return
    for i, s in lossless.items():
        stray = len(set(s.colours) - palette) if s.colours else MAX_COLOURS + 1
        if stray >= STRAY and s.flat is not None:
            count = f"{stray}" if s.colours else f"more than {MAX_COLOURS}"
            path = reports[i].files[file] if reports[i].files else reports[i].key
            what = f"{path}: {count} colours beside the {len(palette)} of the other {name}s"
            hint = "Save it without smoothing or compression, or resize it with the nearest pixel."
            files = _paths([path] if reports[i].files else [])
            yield i, Issue(code="colours", what=what, hint=hint, files=files)


def _few_colours(stats: Iterable[ImageStats]) -> float:
    """The share of flat pixels that the 16 commonest coarse colours of a side cover."""
    summed: Counter[int] = Counter()
    count = 0
    for s in stats:
        summed.update(s.top)
        count += 1
    return sum(share for _, share in summed.most_common(16)) / max(1, count)


def _distance(pairs: Sequence[tuple[ImageStats, ImageStats]]) -> Callable[[Sequence[ImageStats]], float]:
    """The distance of a pair from the median pair, by flatness and mean colour of both sides, in usual deviations."""
    rows = np.array([_row(pair) for pair in pairs])
    # Median and absolute deviation: the swapped pairs that are looked for would shift mean and variance.
    middle = np.median(rows, axis=0)
    spread = np.median(np.abs(rows - middle), axis=0) + 1e-3
    return lambda pair: float(np.abs((_row(pair) - middle) / spread).clip(max=10).mean())


def _row(pair: Sequence[ImageStats]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([v for stats in pair for v in (stats.flat or 0.0, *stats.mean)])


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


HINTS = {
    "duplicate": "Take all but one away: the same pair counts several times.",
    "overlap": "Take it out of one of the splits: scores on pictures that were trained on say little.",
    "near-overlap": "If it is the same scene, take it out of one of the splits: scores on it say little.",
    "constant": "If they are no accident, let it be; batches of such pictures teach nothing.",
    "odd-mode": "It is converted; see that it means the same, or save it as the others are.",
    "turned": "Both sides are turned as EXIF says; see that they still fit each other.",
    "jpeg-labels": "JPEG blurs their borders and colours; keep them as PNG where you have the originals.",
}


def _warning(code: str, what: str, files: Iterable[str]) -> Issue:
    return Issue(code=code, what=what, hint=HINTS[code], files=_paths(files), is_fault=False)


def _paths(files: Iterable[str]) -> tuple[Path, ...]:
    return tuple(map(Path, files))


def _few(names: Iterable[str]) -> str:
    every = [*names]
    return ", ".join(every[:3]) + (f", and {len(every) - 3:,} more" if len(every) > 3 else "")
