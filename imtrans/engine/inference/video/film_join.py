"""Finished pieces joined into one film, with the sound of the source."""

import contextlib
import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from imtrans.engine.inference.scale import Size
from imtrans.engine.inference.video.film_encoder import is_even
from imtrans.engine.inference.video.film_parts import Piece
from imtrans.engine.inference.video.film_sound import Sound, SoundSource, Timed
from imtrans.errors import ResourceError
from imtrans.partial_output import partial_file


def join(
    target: Path,
    pieces: Sequence[Piece],
    *,
    time_base: Fraction,
    sound: SoundSource | None,
    size: Size,
    aspect: Fraction,
) -> list[str]:
    """Write a film as a whole or not at all; what is to be said of its sound and pixels, a line each.

    ResourceError where it cannot be written, or where reading it gives another number of frames, or another size, than
    `size` as the encoder pads it. `aspect` is the width of a pixel over its height.
    """
    try:
        with partial_file(target) as partial:
            notes = _written(partial, pieces, time_base, sound)
            held = _check(partial, target, count=sum(len(piece.times) for piece in pieces), size=size)
        if held != aspect:
            notes.append(f"its pixels are {aspect} as wide as high, which is lost in {target.suffix}: use .mp4")
        return notes
    except (OSError, av.FFmpegError) as error:
        hint = "Make room, or give an -o that can be written; --continue then only has to join the film."
        raise ResourceError(f"{target}: cannot be written: {error.strerror}", hint=hint) from None


def _written(path: Path, pieces: Sequence[Piece], time_base: Fraction, sound: SoundSource | None) -> list[str]:
    try:
        return _write(path, pieces, time_base, sound)
    except av.FFmpegError as error:
        if sound is None:
            raise
        # What a container says that it holds it may refuse all the same: AAC of a transport stream in AVI.
        notes = _write(path, pieces, time_base, None)
        return [*notes, f"its sound is left out, as {path.suffix} refuses it ({error.strerror}): -o FILE.mkv keeps it"]


def _write(path: Path, pieces: Sequence[Piece], time_base: Fraction, sound: SoundSource | None) -> list[str]:
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(av.open(str(path), "w"))
        first = stack.enter_context(av.open(str(pieces[0].path)))
        video = output.add_stream_from_template(first.streams.video[0])
        video.time_base = time_base
        source = stack.enter_context(av.open(str(sound.path))) if sound else None
        track = Sound(source, output) if source else None
        start = Fraction(source.start_time or 0, av.time_base) if source else Fraction(0)
        time, duration = pieces[-1].times[-1]
        end = (time + duration) * time_base
        packets = heapq.merge(
            _video_packets(pieces, video, time_base, Fraction(0) if is_even(path.suffix) else start),
            track.packets(start, end if sound and sound.is_part else None) if track else (),
            key=lambda timed: timed[0],
        )
        for _, packet in packets:
            output.mux(packet)
    return track.notes if track else []


def _video_packets(
    pieces: Sequence[Piece], stream: VideoStream, time_base: Fraction, start: Fraction
) -> Iterator[Timed]:
    offset = round(start / time_base)
    for piece in pieces:
        with av.open(str(piece.path)) as container:
            packets = (packet for packet in container.demux(video=0) if packet.size)
            for packet, (time, duration) in zip(packets, piece.times, strict=True):
                packet.stream, packet.time_base = stream, time_base
                packet.pts = packet.dts = time - offset
                packet.duration = duration
                yield (time - offset) * time_base, packet


def _check(path: Path, target: Path, *, count: int, size: Size) -> Fraction:
    """Read the film that was written: writers may drop frames, or rows of odd sizes, without a word. The width of its
    pixels over their height."""
    with av.open(str(path)) as container:
        found = sum(packet.size > 0 for packet in container.demux(video=0))
        context = container.streams.video[0].codec_context
        held = (context.height, context.width)
        aspect = container.streams.video[0].sample_aspect_ratio
    wanted = (size[0] + size[0] % 2, size[1] + size[1] % 2)
    if (found, held) != (count, wanted):
        what = f"{target}: reads as {found} frames of {held[1]} x {held[0]}, not {count} of {wanted[1]} x {wanted[0]}"
        raise ResourceError(what, hint="Another suffix of -o may hold it: .mkv takes most.")
    return Fraction(aspect or 1)
