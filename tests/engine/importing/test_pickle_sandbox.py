"""Pickled weights are read in a process of its own: what it hands back, and how it ends."""

import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from imtrans.engine.importing import pickle_sandbox, safe_pickle
from imtrans.errors import CheckpointError, ResourceError

CANARY = "imtrans-canary"


class Call:
    def __reduce__(self):
        return open, (CANARY, "w")


def python(source, *arguments):
    return [sys.executable, "-c", source, *arguments]


def asked(source):
    """What a fresh process prints that has this module, as the child has, and nothing else."""
    done = subprocess.run(
        python(f"from imtrans.engine.importing import pickle_sandbox\n{source}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.slow
def test_the_child_hands_back_every_tensor_under_its_own_name(tmp_path):
    shared = torch.arange(6.0)
    weights = {
        "__metadata__": torch.ones(2, dtype=torch.bfloat16),
        "a.b": shared.view(2, 3).t(),
        "tied": shared,
        "": torch.tensor(7),
        "none": torch.empty(0, 3, dtype=torch.half),
        "Größe 大": torch.tensor([True, False]),
    }
    torch.save(weights, tmp_path / "w.pth")
    found = pickle_sandbox.read(tmp_path / "w.pth")
    assert list(found) == list(weights)
    for name, tensor in weights.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


@pytest.mark.slow
def test_through_the_child_an_error_is_word_for_word_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("evil.pth").write_bytes(pickle.dumps(Call(), protocol=2))
    Path("torch.py").write_text("raise SystemExit('not from here')")
    with pytest.raises(CheckpointError) as here:
        safe_pickle.read(Path("evil.pth"))
    with pytest.raises(CheckpointError) as there:
        pickle_sandbox.read(Path("evil.pth"))
    assert (there.value.what, there.value.hint) == (here.value.what, here.value.hint)
    assert not Path(CANARY).exists()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os; os.abort()", "ended with SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with SIGKILL"),
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("import time; time.sleep(60)", "took more than 1 seconds and was ended"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_child_that_crashes_is_killed_or_hangs_is_an_error_that_names_the_file(source, told):
    with pytest.raises(CheckpointError, match=rf"w\.pth: the process that read it {told}") as caught:
        pickle_sandbox.wait(python(source), Path("w.pth"), seconds=1 if "sleep" in source else 60)
    assert caught.value.hint


@pytest.mark.parametrize("left", [None, "", "[]", "3", '{"names": 3}', '{"names": ["a"]}', "[" * 100_000])
def test_a_child_that_leaves_nonsense_is_not_believed(left, tmp_path):
    if left is not None:
        (tmp_path / pickle_sandbox.RESULT).write_text(left)
    with pytest.raises(CheckpointError, match=r"w\.pth: the process that read it left nothing that can be used"):
        pickle_sandbox._read_result(tmp_path, Path("w.pth"))


def test_without_room_to_hand_over_the_disk_is_named_not_the_file(tmp_path):
    result = pickle_sandbox._write_tensors({"a": torch.zeros(1)}, tmp_path / "not there")
    (tmp_path / pickle_sandbox.RESULT).write_text(pickle_sandbox.json.dumps(result))
    with pytest.raises(ResourceError, match=r"no place for the weights of w\.pth"):
        pickle_sandbox._read_result(tmp_path, Path("w.pth"))


@pytest.mark.slow
def test_the_child_reaches_nobody_once_it_has_left_the_network():
    """Where the system refuses to let it go, it goes on; here is a server that can tell."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"import socket\ntry:\n    socket.create_connection(('127.0.0.1', {port}), 5)\n    print('reached')"
        assert asked(connect + "\nexcept OSError:\n    print('cut off')") == "reached"
        left = asked("print(pickle_sandbox.without_network())") == "True"
        after = asked(f"pickle_sandbox.without_network()\n{connect}\nexcept OSError:\n    print('cut off')")
        assert after == ("cut off" if left else "reached")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere memory has no limit")
def test_the_child_gets_little_more_memory_than_the_file_is_long():
    take = "try:\n    x = bytearray({})\n    print('had')\nexcept MemoryError:\n    print('refused')"
    assert asked("pickle_sandbox.limit_resources(0)\n" + take.format(1 << 28)) == "had"
    assert asked("pickle_sandbox.limit_resources(0)\n" + take.format(3 << 29)) == "refused"


def test_the_module_starts_no_thread_before_the_network_is_left():
    assert asked("import sys; print('torch' in sys.modules or 'numpy' in sys.modules)") == "False"
