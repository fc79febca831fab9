"""Sources and results of a translator as pictures to look at."""

from imtrans.engine.inference.forward import network_input
from imtrans.engine.inference.translator import Translator
from imtrans.kit import images
from imtrans.kit.images import Array
from imtrans.kit.images.labels import classes_of


def source_display(translator: Translator, source: Array) -> Array:
    """What a translator's reader gives, as uint8 (H, W, 3)."""
    return images.to_display(translator.tensor(source)[0], translator.source)


def result_display(translator: Translator, result: Array) -> Array:
    """What a translator gives, (H, W, C) as stored, as uint8 (H, W, 3)."""
    target = translator.target
    if target.space:
        return result
    if target.kind == "labels":
        result = classes_of(result, target)
    return images.to_display(network_input(result, target)[0], target)
