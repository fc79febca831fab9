"""The sound of a film in another one: its packets, or anew as Opus where the container cannot hold them."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

Timed: TypeAlias = "tuple[Fraction, Packet[Any]]"  # a packet, and when it comes, in seconds
OPUS, RATE = "libopus", 48000  # the only rate that every player takes


class SoundSource(NamedTuple):
    """The film whose sound is taken: where only a part of it `is_part`, to the end of the last frame."""

    path: Path
    is_part: bool


class Sound:
    """The streams of sound of a film in an output; `notes` says what becomes of those that are not copied."""

    def __init__(self, source: InputContainer, output: OutputContainer) -> None:
        self._source, self.notes = source, list[str]()
        self._copies: dict[int, AudioStream] = {}
        self._encoders: dict[int, AudioStream] = {}
        for stream in source.streams.audio:
            name, suffix = stream.codec_context.codec.canonical_name, Path(output.name).suffix
            if name in output.supported_codecs:
                self._copies[stream.index] = output.add_stream_from_template(stream)
            elif OPUS in output.supported_codecs:
                self._encoders[stream.index] = cast(AudioStream, output.add_stream(OPUS, rate=RATE))
                self.notes.append(f"its sound ({name}) is encoded anew as Opus, as {suffix} cannot hold it")
            else:
                self.notes.append(f"its sound ({name}) is left out, as {suffix} cannot hold it: -o FILE.mkv keeps it")

    def packets(self, start: Fraction, end: Fraction | None) -> Iterator[Timed]:
        """The packets in their order, from `start` on, which becomes 0, to `end` if that is given; both in seconds."""
        streams = [self._source.streams[index] for index in (*self._copies, *self._encoders)]
        for packet in self._source.demux(streams) if streams else ():
            if packet.size == 0 or packet.dts is None or packet.pts is None:
                continue
            if end is not None and packet.dts * packet.time_base >= end:
                continue
            if packet.stream.index in self._copies:
                yield self._copied(packet, start)
            else:
                yield from self._encoded(packet, start)
        for encoder in self._encoders.values():
            yield from (_timed(packet) for packet in encoder.encode(None))

    def _copied(self, packet: "Packet[Any]", start: Fraction) -> Timed:
        offset = round(start / packet.time_base)
        packet.stream = self._copies[packet.stream.index]
        packet.pts, packet.dts = (packet.pts or 0) - offset, (packet.dts or 0) - offset
        return _timed(packet)

    def _encoded(self, packet: "Packet[Any]", start: Fraction) -> Iterator[Timed]:
        encoder = self._encoders[packet.stream.index]
        for frame in cast(list[AudioFrame], packet.decode()):
            if frame.pts is not None and frame.time_base:
                frame.pts -= round(start / frame.time_base)
            yield from (_timed(each) for each in encoder.encode(frame))


def _timed(packet: "Packet[Any]") -> Timed:
    return (packet.dts or 0) * packet.time_base, packet
