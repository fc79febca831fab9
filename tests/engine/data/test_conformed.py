"""Any data set is read as a model's training data were: of another depth it is converted, of another kind refused."""

import numpy as np
import pytest

from imtrans.engine.data.source import Conformed
from imtrans.errors import DataError, ShapeError
from imtrans.interfaces import DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.images.conform import spec_of

EIGHT, SIXTEEN, GREY = spec_of(channels=3, bits=8), spec_of(channels=3, bits=16), spec_of(channels=1, bits=8)
LABELS = ImageSpec(kind="labels", channels=1, classes=3)
PHOTO = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)


class Strangers(BaseDataset):
    """A plugin's data set that knows nothing of models."""

    def __init__(self, spec, array):
        self.data_spec, self._array = DataSpec(source=spec, target=EIGHT), array

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return Pair(source=self._array, target=PHOTO, key="one")


@pytest.mark.parametrize(
    ("spec", "array", "trained", "expected"),
    [
        (SIXTEEN, PHOTO.astype(np.uint16) * 257, EIGHT, PHOTO),
        (EIGHT, PHOTO, SIXTEEN, PHOTO.astype(np.uint16) * 257),
        (GREY, PHOTO[..., :1], EIGHT, PHOTO[..., :1].repeat(3, axis=-1)),
    ],
    ids=["16 to 8 bits", "8 to 16 bits", "grey to RGB"],
)
def test_depth_and_channels_become_those_of_the_model(spec, array, trained, expected):
    conformed = Conformed(Strangers(spec, array), DataSpec(source=trained, target=EIGHT))
    assert conformed.data_spec.source == trained
    pair = conformed[0]
    assert pair.source.dtype == expected.dtype
    assert np.array_equal(pair.source, expected)
    assert np.array_equal(pair.target, PHOTO)


def test_other_kinds_of_data_are_refused_at_once_and_other_channels_when_they_are_read():
    with pytest.raises(DataError, match="the sources are labels of 3 classes, and the model was trained with pictures"):
        Conformed(Strangers(LABELS, PHOTO[..., :1] % 3), DataSpec(source=EIGHT, target=EIGHT))
    five = Conformed(Strangers(spec_of(channels=5, bits=8), PHOTO), DataSpec(source=EIGHT, target=EIGHT))
    assert five.data_spec.source == EIGHT
    four = Strangers(spec_of(channels=4, bits=8), np.dstack([PHOTO, PHOTO[..., :1]]))
    with pytest.raises(ShapeError, match="one: 4 channels where 3 are wanted"):
        Conformed(four, DataSpec(source=EIGHT, target=EIGHT))[0]
    floats = Strangers(spec_of(channels=3, bits=32), PHOTO.astype(np.float32) / 255)
    with pytest.raises(DataError, match="one: float values, where whole numbers of 8 bits"):
        Conformed(floats, DataSpec(source=EIGHT, target=EIGHT))[0]
