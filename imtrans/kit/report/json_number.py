"""Numbers in JSON, which has neither NaN nor infinity: strict readers refuse a file that holds them."""

import math


def json_number(value: float | None) -> float | str | None:
    """The value; "inf" or "-inf" for infinity; None for none and for NaN, which mean that nothing was measured."""
    if value is None or math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)
