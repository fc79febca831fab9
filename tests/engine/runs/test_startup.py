"""What makes a start faster leaves the process as it was."""

import gc
import importlib.metadata
import sys

import pytest

from imtrans.cli.startup import heavy_imports
from imtrans.engine.runs.provenance import environment


def test_the_collector_rests_while_a_module_is_imported_and_is_on_again_after_it(tmp_path, monkeypatch):
    (tmp_path / "made_for_this_test.py").write_text(
        "import gc\nis_on = gc.isenabled()\nmany = [[] for _ in range(999)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "made_for_this_test", raising=False)
    gc.unfreeze()
    with heavy_imports():
        import made_for_this_test
    assert (made_for_this_test.is_on, gc.isenabled()) == (False, True)
    count = gc.get_freeze_count()
    assert count > 999
    with heavy_imports():  # nothing new: nothing more is left out
        import made_for_this_test
    assert gc.get_freeze_count() == count
    gc.unfreeze()


def test_the_collector_is_on_again_after_an_import_that_fails_and_stays_off_where_it_was():
    with pytest.raises(ModuleNotFoundError), heavy_imports():
        import no_such_module_at_all  # noqa: F401
    assert gc.isenabled()
    gc.disable()
    try:
        with heavy_imports():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_environment_names_each_package_as_its_metadata_do(tmp_path, monkeypatch):
    def package(folder: str, text: str) -> None:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "METADATA").write_text(text, "utf-8")

    package("one_two-1.0.dist-info", "Metadata-Version: 2.1\nName:  One.Two\nVersion: 1.0\n\nName: not this\n")
    package("late-2.dist-info", "Version: 2\nLicense: a\n        Name: not this\nName: Late\n\n")
    package("odd-3.dist-info", "name: odd\nversion: 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    from imtrans.engine.runs import provenance

    provenance._installed.cache_clear()
    found = environment()["packages"]
    provenance._installed.cache_clear()
    names = {(d.metadata["Name"], d.version) for d in importlib.metadata.distributions() if d.metadata["Name"]}
    assert found == sorted({f"{name}=={version}" for name, version in names}, key=str.lower)
    assert {"One.Two==1.0", "Late==2", "odd==3"} <= {*found}
