import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imtrans import atomic_io, partial_output
from imtrans.errors import ResourceError


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A whole folder of two files."""
    with atomic_io.staged_folder(tmp_path / "run" / "step-000005") as stage:
        (stage / "model.bin").write_bytes(b"12345")
        (stage / "state.json").write_text("{}")
    return tmp_path / "run" / "step-000005"


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def fill_and_fail(final: Path, fault: BaseException) -> None:
    with atomic_io.staged_folder(final) as stage:
        (stage / "model.bin").write_bytes(b"half")
        raise fault


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_staged_folder_has_a_manifest_and_leaves_nothing_else(sealed: Path) -> None:
    assert names(sealed) == ["MANIFEST.json", "model.bin", "state.json"]
    assert names(sealed.parent) == ["step-000005"]
    assert atomic_io.faults(sealed) == []
    entry = json.loads((sealed / "MANIFEST.json").read_text())["files"]["model.bin"]
    # sha256 of "12345" as coreutils' sha256sum gives it
    assert entry == {"bytes": 5, "sha256": "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"}


@pytest.mark.parametrize("fault", [ValueError("no"), KeyboardInterrupt()])
def test_a_fault_while_staging_leaves_what_was_there(sealed: Path, fault: BaseException) -> None:
    for final in (sealed, sealed.with_name("step-000010")):
        with pytest.raises(type(fault)):
            fill_and_fail(final, fault)
    assert names(sealed.parent) == ["step-000005"]
    assert (sealed / "model.bin").read_bytes() == b"12345"
    assert atomic_io.faults(sealed) == []


def test_a_new_folder_of_the_same_name_takes_the_place_of_the_old(sealed: Path) -> None:
    with atomic_io.staged_folder(sealed) as stage:
        (stage / "model.bin").write_bytes(b"new")
    assert names(sealed) == ["MANIFEST.json", "model.bin"]
    assert names(sealed.parent) == ["step-000005"]


def test_what_an_earlier_crash_left_is_not_mixed_in(sealed: Path) -> None:
    left = sealed.with_name(f".step-000010.{os.getpid()}.tmp")
    left.mkdir()
    (left / "stale").write_text("x")
    with atomic_io.staged_folder(sealed.with_name("step-000010")) as stage:
        (stage / "model.bin").write_bytes(b"new")
    assert names(sealed.with_name("step-000010")) == ["MANIFEST.json", "model.bin"]
    assert names(sealed.parent) == ["step-000005", "step-000010"]


def test_what_cannot_be_written_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    final = tmp_path / "file" / "step-000005"
    with pytest.raises(ResourceError) as caught, atomic_io.staged_folder(final):
        pass
    assert str(caught.value) == f"{final}: cannot be written: Not a directory"
    assert names(tmp_path) == ["file"]


def test_each_fault_of_a_sealed_folder_is_named(sealed: Path) -> None:
    (sealed / "model.bin").write_bytes(b"123")
    assert atomic_io.faults(sealed) == ["model.bin has 3 of 5 bytes"]
    (sealed / "model.bin").write_bytes(b"12346")
    assert atomic_io.faults(sealed) == ["model.bin was changed (sha256 differs)"]
    (sealed / "model.bin").unlink()
    (sealed / "state.json").unlink()
    assert atomic_io.faults(sealed) == ["model.bin is missing", "state.json is missing"]


def test_every_changed_byte_is_found(sealed: Path) -> None:
    for offset in range(5):
        content = bytearray(b"12345")
        content[offset] ^= 1
        (sealed / "model.bin").write_bytes(content)
        assert atomic_io.faults(sealed) == ["model.bin was changed (sha256 differs)"]


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        (None, "incomplete: no MANIFEST.json"),
        (b"", "MANIFEST.json cannot be read"),
        (b"\xff", "MANIFEST.json cannot be read"),
        (b"[]", "MANIFEST.json cannot be read"),
        (b'{"files": []}', "MANIFEST.json cannot be read"),
        (b'{"files": {"model.bin": {}}}', "MANIFEST.json cannot be read"),
        (b"[" * 100_000, "MANIFEST.json cannot be read"),
    ],
)
def test_a_manifest_that_is_missing_or_broken_is_named(sealed: Path, manifest: bytes | None, fault: str) -> None:
    if manifest is None:
        (sealed / atomic_io.MANIFEST).unlink()
    else:
        (sealed / atomic_io.MANIFEST).write_bytes(manifest)
    assert atomic_io.faults(sealed) == [fault]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
@pytest.mark.usefixtures("umask")
def test_files_follow_the_umask(tmp_path: Path) -> None:
    with atomic_io.staged_folder(tmp_path / "a") as stage:
        (stage / "private").write_text("x")
        (stage / "private").chmod(0o600)
    atomic_io.replace_text(tmp_path / "b", "x")
    files = [tmp_path / "a" / "private", tmp_path / "a" / atomic_io.MANIFEST, tmp_path / "b"]
    assert [oct(f.stat().st_mode & 0o777) for f in files] == ["0o640"] * 3
    assert oct((tmp_path / "a").stat().st_mode & 0o777) == "0o750"


def test_text_is_replaced_whole_with_plain_line_ends(tmp_path: Path) -> None:
    for text in ("old\n", "n\u00e9w\nline\n"):
        atomic_io.replace_text(tmp_path / "run.json", text)
        assert (tmp_path / "run.json").read_bytes() == text.encode()
    assert names(tmp_path) == ["run.json"]


def test_text_that_cannot_be_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ResourceError, match=r"folder: cannot be written: "):
        atomic_io.replace_text(tmp_path / "folder", "x")
    assert names(tmp_path) == ["folder"]
    with pytest.raises(ResourceError, match=r"b: cannot be written: No such file or directory"):
        atomic_io.replace_text(tmp_path / "a" / "b", "x")


def test_lines_are_added_to_a_log(tmp_path: Path) -> None:
    atomic_io.append_text(tmp_path / "log", "one\n")
    atomic_io.append_text(tmp_path / "log", "two\n")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    with pytest.raises(ResourceError, match="cannot be written"):
        atomic_io.append_text(tmp_path, "x")


def test_a_removed_folder_is_gone_with_all_it_held(sealed: Path) -> None:
    atomic_io.remove_folder(sealed)
    assert names(sealed.parent) == []


def test_partial_results_of_killed_processes_are_swept_and_no_others(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = atomic_io.host_name()
    left = [f".0a1b2c3d~{host}~{ended.pid}.partial.png", f".0a1b2c3d~{host}~{ended.pid}.partial"]
    kept = [f".0a1b2c3d~{host}~{os.getpid()}.partial.png", f".0a1b2c3d~{host}x~{ended.pid}.partial.png", "a.png"]
    (tmp_path / left[1]).mkdir()  # formats that are folders
    for name in [left[0], *kept, f"{left[1]}/a.zarr"]:
        (tmp_path / name).write_bytes(b"1")
    with partial_output.partial_file(tmp_path / "own.png") as own:
        partial_output.sweep_partials([tmp_path, tmp_path / "none"])
        assert own.name.endswith(".partial.png")
        own.write_bytes(b"2")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "own.png"])
