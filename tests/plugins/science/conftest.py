"""A small trained model for the formats."""

import pytest
from factories import job, pairs

from imtrans.engine.training import trainer

SMALL = {"generator.depth": "2", "generator.width": "2", "discriminator.width": "2", "metrics": "[]"}
SMALL |= {"train.steps": "2", "inference.norm": "running", "inference.dropout": "false"}


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run of two steps on RGB pairs of 8 bits."""
    folder = tmp_path_factory.mktemp("science")
    trainer.fit(job(folder / "run", SMALL, dataset=pairs(folder / "data")))
    return folder / "run"
