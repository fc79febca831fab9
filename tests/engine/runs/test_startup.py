"""What makes a start faster leaves the process as it was."""

import gc
import importlib.metadata
import subprocess
import sys
import threading

import pytest

from imtrans.cli import startup
from imtrans.cli.startup import heavy_imports, preload_torch
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
    assert gc.get_freeze_count() <= count  # some of them may have gone
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


PRELOADED = """
import os, sys, threading
from imtrans.cli.startup import preload_torch
preload_torch()
assert "torch" not in sys.modules
for thread in threading.enumerate()[1:]:
    thread.join()
maps = open("/proc/self/maps").read()
print("libtorch_cpu.so" in maps)
import torch
print(torch.ones(2).sum().item())
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it preloads on Linux alone")
def test_torch_can_be_linked_before_it_is_imported():
    library = startup._library()
    ended = subprocess.run([sys.executable, "-c", PRELOADED], capture_output=True, text=True)
    assert ended.stdout.split() == [str(library is not None), "2.0"], ended.stderr
    assert not ended.stderr


def test_a_build_for_a_device_or_a_missing_torch_is_left_to_its_import(tmp_path, monkeypatch):
    """torch's wheels for CUDA look for the libraries of the device first, in an order of their own."""
    folder = tmp_path / "torch" / "lib"
    folder.mkdir(parents=True)
    (tmp_path / "torch" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert startup._library() is None
    (folder / "libtorch_cpu.so").write_bytes(b"")
    assert startup._library() == folder / "libtorch_cpu.so"
    (folder / "libtorch_cuda.so").write_bytes(b"")
    assert startup._library() is None
    monkeypatch.setattr(sys, "path", [])
    assert startup._library() is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it preloads on Linux alone")
def test_a_library_that_cannot_be_linked_is_left_to_torchs_import(tmp_path, monkeypatch, capfd):
    library = tmp_path / "libtorch_cpu.so"
    library.write_bytes(b"no library")
    monkeypatch.setattr(startup, "_library", lambda: library)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    preload_torch()
    for thread in threading.enumerate():
        if thread.name == "preload-torch":
            thread.join()
    assert capfd.readouterr() == ("", "")
