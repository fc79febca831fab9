"""imtrans card: to the terminal, or as a file with its picture."""

import pytest
from factories import job

from imtrans.engine.training import trainer

QUICK = {"train.steps": "1", "metrics": "[]", "train.num_samples": "1", "train.licence": "mit"}


@pytest.fixture
def run(tmp_path):
    trainer.fit(job(tmp_path / "runs" / "mine", QUICK))
    sheet = tmp_path / "runs" / "mine" / "samples" / "step-000001.png"
    sheet.parent.mkdir(exist_ok=True)
    sheet.write_bytes(b"a sheet")
    return tmp_path / "runs" / "mine"


def test_the_card_is_printed_with_a_note_where_it_has_no_figures(run, cli):
    found = cli("card", "mine")
    assert found.code == 0
    assert found.out.startswith('---\nlicense: "mit"\n')
    assert found.err == (
        "Note: no evaluation of step-000001 is stored, so its card has no figures: imtrans evaluate mine\n"
    )


def test_a_card_that_is_written_has_its_picture_beside_it(run, cli, tmp_path):
    found = cli("card", "mine", "-o", "out/README.md", "--licence", "cc0-1.0")
    assert found.out.split() == ["out/README.md", "out/samples/step-000001.png"]
    assert (tmp_path / "out" / "samples" / "step-000001.png").read_bytes() == b"a sheet"
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert 'license: "cc0-1.0"' in text
    assert "(samples/step-000001.png)" in text
    refused = cli("card", "mine", "-o", "out/README.md")
    assert (refused.code, "--overwrite" in refused.err) == (2, True)
    assert cli("card", "mine", "-o", "out/README.md", "--overwrite").code == 0
    assert cli("card", "mine", "-o", str(run / "README.md")).code == 0


def test_what_cannot_be_written_or_read_is_one_message(run, cli, tmp_path):
    (tmp_path / "file").write_text("")
    assert cli("card", "mine", "-o", "file/x.md").code == 5
    assert cli("card", "nothing").code == 4
