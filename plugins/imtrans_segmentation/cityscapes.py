"""The classes of Cityscapes: their colours, and the numbers in its label files."""

from imtrans_segmentation.palette import Colour, Palette

# In the order of their training numbers, 0 to 18.
CLASSES = (
    Colour("road", (128, 64, 128)),
    Colour("sidewalk", (244, 35, 232)),
    Colour("building", (70, 70, 70)),
    Colour("wall", (102, 102, 156)),
    Colour("fence", (190, 153, 153)),
    Colour("pole", (153, 153, 153)),
    Colour("traffic light", (250, 170, 30)),
    Colour("traffic sign", (220, 220, 0)),
    Colour("vegetation", (107, 142, 35)),
    Colour("terrain", (152, 251, 152)),
    Colour("sky", (70, 130, 180)),
    Colour("person", (220, 20, 60)),
    Colour("rider", (255, 0, 0)),
    Colour("car", (0, 0, 142)),
    Colour("truck", (0, 0, 70)),
    Colour("bus", (0, 60, 100)),
    Colour("train", (0, 80, 100)),
    Colour("motorcycle", (0, 0, 230)),
    Colour("bicycle", (119, 11, 32)),
)
# Colours that are not scored. They must be in the palette: without them a black pixel would count as a truck, whose
# colour is the nearest. Pole groups are painted as poles and licence plates as cars: their pixels count as those.
VOID = (
    Colour("unlabeled", (0, 0, 0), is_void=True),
    Colour("dynamic", (111, 74, 0), is_void=True),
    Colour("ground", (81, 0, 81), is_void=True),
    Colour("parking", (250, 170, 160), is_void=True),
    Colour("rail track", (230, 150, 140), is_void=True),
    Colour("guard rail", (180, 165, 180), is_void=True),
    Colour("bridge", (150, 100, 100), is_void=True),
    Colour("tunnel", (150, 120, 90), is_void=True),
    Colour("caravan", (0, 0, 90), is_void=True),
    Colour("trailer", (0, 0, 110), is_void=True),
)
# From the numbers in *_gtFine_labelIds.png to training numbers; all others, also 255 and -1, are void.
IDS = {
    7: 0,
    8: 1,
    11: 2,
    12: 3,
    13: 4,
    17: 5,
    19: 6,
    20: 7,
    21: 8,
    22: 9,
    23: 10,
    24: 11,
    25: 12,
    26: 13,
    27: 14,
    28: 15,
    31: 16,
    32: 17,
    33: 18,
}


def cityscapes() -> Palette:
    """The palette of Cityscapes: 19 classes with their colours, and ten colours of void."""
    return Palette(colours=(*CLASSES, *VOID), ids=IDS)
