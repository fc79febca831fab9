"""How much a client may ask of the server."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds in bytes, pixels, requests and seconds.

    `pixels` are those of a picture that arrives, `translated_pixels` those at which it is translated. So many requests
    as `queue` wait or are being received while one is translated.
    """

    bytes: int = 20_000_000
    pixels: int = 25_000_000
    translated_pixels: int = 2048 * 2048
    queue: int = 32
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    send_seconds: float = 60.0
    connections: int = 256
