"""Which changes of colour mean something for images of a kind."""

from typing import Literal

from imtrans.errors import ConfigError
from imtrans.interfaces import ImageSpec

# "grey": one value a pixel; "rgb"; "bands": any other channels, which only become lighter and stronger together.
Bands = Literal["grey", "rgb", "bands"]


def bands(spec: ImageSpec, *, key: str, others: str) -> Bands:
    """What the channels of a judged image are. ConfigError for class planes and for a and b of Lab: they are no light.

    `key` is the option that asks for colours, `others` what can be left in it.
    """
    if spec.kind == "labels" or spec.space == "lab-ab":
        what = "class planes" if spec.kind == "labels" else "a and b of Lab"
        raise ConfigError(
            f"{key}: the discriminator sees {what}, which have no brightness and contrast",
            hint=f"Leave color out: --set '{key}={others}'",
        )
    if spec.channels == 1 or spec.space:
        return "grey"
    return "rgb" if spec.kind == "image" and spec.channels == 3 else "bands"
