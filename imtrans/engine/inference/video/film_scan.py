"""How many frames a film has, by reading it, and whether it is whole."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

LOST = Fraction(1, 4)  # seconds that a film may be shorter than its header says


@dataclass
class Scan:
    """What the packets of a film tell: the number of frames, whether they are equally far apart, why there are fewer
    than there should be, and their times in AVI: there those of decoded frames are guesses."""

    count: int
    is_even: bool
    fault: str
    times: list[int]


def scan_packets(container: InputContainer, stream: VideoStream) -> Scan:
    """Read all packets of a film's stream, without decoding them."""
    times, count, fault, end = [], 0, "", Fraction(0)
    is_avi = container.format.name == "avi"
    try:
        for packet in container.demux(stream):
            if packet.size:
                if packet.is_corrupt:
                    fault = fault or "its data are damaged or cut off"
                    break
                count += 1
                # AVI has an order of packets alone; readers make up times of presentation, wrong ones for H.264.
                times.append(packet.dts if is_avi else packet.pts)
                end = max(end, ((packet.pts or 0) + (packet.duration or 0)) * packet.time_base)
    except av.FFmpegError as error:
        fault = str(error.strerror)
    known = sorted(time for time in times if time is not None)
    gaps = np.diff(known)
    is_even = not gaps.size or int(gaps.max() - gaps.min()) <= 1
    fault = fault or _shortfall(container, stream, count, end)
    return Scan(count, is_even, fault, known if is_avi else [])


def _shortfall(container: InputContainer, stream: VideoStream, count: int, end: Fraction) -> str:
    """Why a film is shorter than its header says; readers end at the place where a file is cut off, and say nothing."""
    # Of the other formats the header's count of frames is a guess.
    if "mp4" in container.format.name and count < stream.frames:
        return f"it has {count:,} of {stream.frames:,} frames"
    length = stream.metadata.get("DURATION", "")  # of Matroska: hours, minutes, seconds
    if length.count(":") == 2:
        hours, minutes, seconds = (Fraction(part.strip("\0 ")) for part in length.split(":"))
        seconds += 3600 * hours + 60 * minutes
        start = (stream.start_time or 0) * (stream.time_base or 1)
        if end - start + LOST < seconds - start:
            return f"it has {float(end):.2f} of {float(seconds):.2f} seconds"
    return ""
