"""Small models of volumes, of the built-in networks of three axes."""

from factories import job
from volumes import write_pairs

from imtrans.plugins.component import ComponentRef

SMALL = {"generator": "unet3d", "discriminator": "patchgan3d", "generator.depth": "2", "generator.width": "4"}
SMALL |= {"discriminator.layers": "1", "discriminator.width": "2", "data.size": "16", "train.num_samples": "1"}
RANGES = {"source_range": (0.0, 1000.0), "target_range": (-1000.0, 1000.0)}


def blocks(folder, depth=8):
    """The data set that draws blocks of so many slices; 0: slices."""
    return ComponentRef("volumes", {"path": str(folder), "slices": 4, "depth": depth, **RANGES})


def job_of_volumes(folder, settings):
    """A job on volumes of 24 x 24 x 9 voxels, which it makes."""
    heads = write_pairs(folder / "heads", ("p1_a", "p2_a", "p3_a"), (24, 24, 9))
    return job(folder / "run", {**SMALL, **settings}, dataset=blocks(heads))
