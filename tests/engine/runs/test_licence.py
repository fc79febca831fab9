"""The licence of a run: in its file, on its page, changed on resume without a word."""

import pytest
from factories import config, job

from imtrans.cli.shared.train_session import summary
from imtrans.engine.checkpoints import resume
from imtrans.engine.checkpoints.model_file import read_metadata
from imtrans.engine.runs.page_info import page_info
from imtrans.engine.training import trainer

QUICK = {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"}
LICENCE = "CC BY 4.0, ask first"


@pytest.mark.parametrize("licence", [None, LICENCE])
def test_a_licence_is_wherever_a_model_is_shown_and_only_if_it_is_set(licence, tmp_path):
    trained = job(tmp_path / "runs" / "mine", QUICK | ({"train.licence": licence} if licence else {}))
    result = trainer.fit(trained)
    assert read_metadata(result.checkpoint)["licence"] == licence
    terms = page_info(trained.model, result.checkpoint, has_noise=False)["terms"]
    assert (f"Licence of the model: {LICENCE}." in terms) == bool(licence)
    printed = summary(trained.run.folder, result, licence=licence)
    assert ("Licence:" in printed) == bool(licence)


def test_a_change_of_the_licence_on_resume_is_neither_refused_nor_warned_of():
    assert resume.check(config({}), config({"train.licence": "mit"})) == []
