"""Hostile archives (section 2C of the faults, A20-A28): refused by name, nothing outside, nothing half."""

import gzip
import io
import os
import stat
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from http_server import packed, plain_member, tarball

from imtrans.errors import DataError, ResourceError
from imtrans.net.unpack import Unpacked, unpack

GOOD = {"set/train/1.png": b"one", "set/train/2.png": b"two", "set/val/1.png": b"three"}
LIMIT = 1 << 20


def zipped(files: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in files:
            file.writestr(name, data)
    return out.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT, mode: str = "w:gz") -> bytes:
    """A good picture, then these."""
    return packed([(plain_member("good.png"), b"good"), *members], form=form, mode=mode)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder deep enough for members to climb out of."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    return tmp_path / "a" / "b"


@pytest.fixture
def opened(desk: Path) -> Callable[..., Unpacked]:
    def call(data: bytes, name: str = "set", **limits: int) -> Unpacked:
        (desk / name).write_bytes(data)
        told = unpack(desk / name, desk / "out", **{"limit_bytes": LIMIT, **limits})
        assert sorted(p.name for p in desk.iterdir()) == sorted({name, "out"})
        return told

    return call


@pytest.fixture
def refused(desk: Path, tmp_path: Path) -> Callable[..., str]:
    """An archive that must be refused, with nothing left anywhere. Gives what it says."""

    def call(data: bytes, name: str = "set", **limits: int) -> str:
        (desk / name).write_bytes(data)
        with pytest.raises(DataError) as caught:
            unpack(desk / name, desk / "out", **{"limit_bytes": LIMIT, **limits})
        assert sorted(tmp_path.rglob("*")) == sorted([desk.parent, desk, desk / name])
        assert caught.value.what.startswith(f"{desk / name}: ")
        assert caught.value.hint
        return caught.value.what

    return call


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "data",
    [
        tarball(GOOD),
        tarball(GOOD, mode="w"),
        packed([(plain_member(n), d) for n, d in GOOD.items()], form=tarfile.PAX_FORMAT),
        packed([(plain_member(f"./{n}"), d) for n, d in GOOD.items()], form=tarfile.USTAR_FORMAT),
        zipped(list(GOOD.items())),
        zipped(list(GOOD.items()), zipfile.ZIP_STORED),
    ],
)
def test_good_archives_are_unpacked_by_what_they_are(opened: Callable, desk: Path, data: bytes) -> None:
    told = opened(data)
    assert files(desk / "out") == GOOD
    assert (told.files, told.bytes, dict(told.left_out)) == (3, 11, {})


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_arrive(opened: Callable, desk: Path, form: int) -> None:
    names = [f"{'d' * 120}/{'f' * 120}.png", "Stra\u00dfe/\u20ac \u732b.png"]
    opened(tarred(*((plain_member(n), b"x") for n in names), form=form))
    assert set(files(desk / "out")) == {"good.png", *names}


def test_a_streamed_zip_arrives(opened: Callable, desk: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:  # sizes stand behind the data
        file.writestr("\u00e9.png", b"x" * 100)
    opened(pipe.data)
    assert files(desk / "out") == {"\u00e9.png": b"x" * 100}


NAMES = {
    "../x.png": "leads out of its folder",
    "a/../../x.png": "leads out of its folder",
    "a/./../..": "leads out of its folder",
    "/etc/x.png": "is an absolute path",
    "C:\\x.png": "holds a backslash",
    "C:x.png": "begins with a drive letter",
    "..\\x.png": "holds a backslash",
    "a\0b.png": "holds a NUL",
    "d/" * 64 + "x.png": "more than 64 levels",
    "d/" * 10_000 + "x.png": "more than 64 levels",
    "x" * 252 + ".png": "more than 255 bytes",
    "x" * 4096: "more than 255 bytes",
    "\u20ac" * 84 + ".png": "more than 255 bytes",
}


@pytest.mark.parametrize(("name", "fault"), NAMES.items(), ids=lambda t: t[:12])
def test_a20_a24_names_that_lead_elsewhere_or_too_deep(refused: Callable, name: str, fault: str) -> None:
    said = refused(tarred((plain_member(name), b"x")))
    assert fault in said
    assert "member '" in said


@pytest.mark.parametrize(("name", "fault"), NAMES.items(), ids=lambda t: t[:12])
def test_a20_the_same_in_a_zip(refused: Callable, name: str, fault: str) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    assert fault in refused(zipped([("good.png", b"good"), (info, b"x")]))


LINKS = {
    "symbolic": [plain_member("l.png", tarfile.SYMTYPE, linkname="../../x")],
    "inside": [plain_member("l.png", tarfile.SYMTYPE, linkname="good.png")],
    "hard": [plain_member("l.png", tarfile.LNKTYPE, linkname="/etc/passwd")],
    "chain": [
        plain_member("a", tarfile.SYMTYPE, linkname="."),
        plain_member("a/b", tarfile.SYMTYPE, linkname=".."),
    ],
    "through": [plain_member("d", tarfile.SYMTYPE, linkname="/tmp"), plain_member("d/x.png")],
    "over-long": [plain_member("l", tarfile.SYMTYPE, linkname="d/" * 2100 + "../" * 2100 + "etc")],
}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("members", LINKS.values(), ids=LINKS)
def test_a21_links_are_refused(refused: Callable, members: list[tarfile.TarInfo], form: int) -> None:
    said = refused(tarred(*((m, b"") for m in members), form=form))
    assert " link, not a file or folder" in said
    assert f"member {members[0].name!r}" in said


def test_a21_a_link_in_a_zip_is_refused(refused: Callable) -> None:
    info = zipfile.ZipInfo("l.png")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert "member 'l.png' is a symbolic link" in refused(zipped([(info, b"/etc/passwd")]))


@pytest.mark.parametrize(
    ("kind", "word"),
    [(tarfile.CHRTYPE, "device"), (tarfile.BLKTYPE, "device"), (tarfile.FIFOTYPE, "pipe"), (b"7", "unknown kind")],
)
def test_a22_devices_and_pipes_are_refused(refused: Callable, kind: bytes, word: str) -> None:
    said = refused(tarred((plain_member("thing", kind), b""), form=tarfile.USTAR_FORMAT))
    assert "member 'thing' is a " in said
    assert word in said


def test_a22_modes_and_times_are_ours(opened: Callable, desk: Path, umask: None) -> None:
    future = int(time.time()) + 10**8
    odd = [("suid.png", 0o6755), ("closed.png", 0)]
    folder = plain_member("locked", tarfile.DIRTYPE, mode=0)
    opened(
        tarred(
            (folder, b""),
            (plain_member("locked/x.png"), b"x"),
            *((plain_member(n, mode=m, mtime=future), b"x") for n, m in odd),
        )
    )
    for path in (desk / "out").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644)
        assert path.stat().st_mtime < future


def test_a23_a_gzip_bomb_is_stopped_at_the_limit(refused: Callable) -> None:
    bomb = tarred((plain_member("x.png"), bytes(40 << 20)))
    assert len(bomb) < 1 << 17
    before = time.monotonic()
    assert "more than 1,048,576 bytes come out of it" in refused(bomb)
    assert time.monotonic() - before < 1


def test_a23_bombs_outside_the_members_are_stopped_too(refused: Callable) -> None:
    good = gzip.decompress(tarball(GOOD))
    assert "more bytes come out" in refused(gzip.compress(good + bytes(8 << 20)))


def test_a23_a_header_that_is_a_bomb_is_not_read(refused: Callable) -> None:
    header = plain_member("x", tarfile.XHDTYPE, size=20 << 20).tobuf(tarfile.USTAR_FORMAT)
    data = gzip.compress(header + bytes(20 << 20))
    tracemalloc.start()
    said = refused(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "has a header of 20,971,520 bytes" in said
    assert peak < 4 << 20


def test_a23_headers_without_end_are_stopped(refused: Callable) -> None:
    header = plain_member("x", tarfile.XHDTYPE, size=0).tobuf(tarfile.USTAR_FORMAT)
    assert "more bytes come out" in refused(gzip.compress(header * 20_000))


def test_a23_archives_within_archives_are_not_opened(opened: Callable, desk: Path) -> None:
    inner = zipped([("x.png", bytes(10 << 20))])
    told = opened(zipped([("good.png", b"x"), *((f"{i}.zip", inner) for i in range(16))]))
    assert set(files(desk / "out")) == {"good.png"}
    assert told.left_out[".zip"] == 16


def test_a23_a_zip_that_says_too_much_is_not_begun(refused: Callable) -> None:
    assert "says that more than 1,048,576 bytes" in refused(zipped([("x.png", bytes(2 << 20))]))


def test_a23_overlapping_members_are_refused(refused: Callable) -> None:
    data = bytearray(zipped([("a.png", b"x" * 90), ("b.png", b"x" * 90)]))
    second = data.rindex(b"PK\1\2")
    data[second + 42 : second + 46] = struct.pack("<L", 0)  # both at the place of the first
    assert "shares its bytes with another" in refused(bytes(data))


def test_a24_too_many_members_are_refused(refused: Callable) -> None:
    many = [(plain_member(f"{i}.png"), b"") for i in range(101)]
    assert "more than 100 members" in refused(packed(many), limit_members=100)
    assert "more than 100 members" in refused(zipped([(i.name, b"") for i, _ in many]), limit_members=100)


def test_a24_a_directory_too_large_for_its_members_is_not_read(refused: Callable) -> None:
    many = zipped([(f"{i:0>200}.png", b"") for i in range(20)])
    assert "has a directory of 5,000 bytes, too many for 10 members" in refused(many, limit_members=10)
    end = many.index(b"PK\5\6")
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 20, 20, 5000, many.index(CENTRAL))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    large = many[:end] + record + locator + changed(many[end:], b"PK\5\6", 12, b"\xff\xff\xff\xff")
    assert "has a directory of 5,000 bytes" in refused(large, limit_members=10)


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        ("a/caf\u00e9.png", "is there twice"),
        ("a/CAF\u00c9.png", "in case or accents alone"),
        ("a/cafe\u0301.png", "in case or accents alone"),
        ("A/other.png", "in case or accents alone"),
        ("a/caf\u00e9.png/x.png", "is there twice"),
        ("./a//caf\u00e9.png", "is there twice"),
    ],
)
def test_a25_twins_are_refused(refused: Callable, second: str, fault: str) -> None:
    said = refused(tarred((plain_member("a/caf\u00e9.png"), b"1"), (plain_member(second), b"2")))
    assert fault in said


def test_a25_a_folder_may_be_named_twice(opened: Callable, desk: Path) -> None:
    folder = plain_member("a", tarfile.DIRTYPE)
    opened(tarred((folder, b""), (plain_member("a/x.png"), b"x"), (folder, b"")))
    assert set(files(desk / "out")) == {"good.png", "a/x.png"}


def changed(data: bytes, mark: bytes, at: int, value: bytes) -> bytes:
    """The bytes of a zip with a field of its first header of this kind changed."""
    place = data.index(mark) + at
    return data[:place] + value + data[place + len(value) :]


LOCAL, CENTRAL = b"PK\3\4", b"PK\1\2"
ZIP = zipped([("x.png", b"x" * 100)])


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (changed(ZIP, LOCAL, 30, b"y.png"), "differs from the directory in its name"),
        (changed(ZIP, LOCAL, 8, b"\0\0"), "differs from the directory in its method"),
        (changed(ZIP, LOCAL, 14, b"\0\0\0\0"), "differs from the directory in its sum"),
        (changed(ZIP, LOCAL, 22, b"\1\0\0\0"), "differs from the directory in its size"),
        (changed(ZIP, LOCAL, 0, b"PK\7\7"), "is no tar, tar.gz or zip"),
        (changed(ZIP, CENTRAL, 8, b"\1\0"), "is encrypted"),
        (changed(changed(ZIP, CENTRAL, 10, b"\x0c\0"), LOCAL, 8, b"\x0c\0"), "is packed by method 12"),
        (changed(changed(ZIP, CENTRAL, 16, b"abcd"), LOCAL, 14, b"abcd"), "is broken or cut short (Bad CRC-32"),
        (
            changed(changed(ZIP, CENTRAL, 24, b"\xc8\0\0\0"), LOCAL, 22, b"\xc8\0\0\0"),
            "",
        ),
        (changed(changed(ZIP, CENTRAL, 24, b"\1\0\0\0"), LOCAL, 22, b"\1\0\0\0"), "is broken or cut short (Bad CRC-32"),
        (changed(ZIP, CENTRAL, 24, b"\xff\xff\xff\xff"), ""),
        (changed(ZIP, CENTRAL, 42, b"\x10\0\0\0"), ""),
        (changed(ZIP, b"PK\5\6", 12, b"\xff\xff\xff\xff"), ""),
    ],
)
def test_a26_zips_that_contradict_themselves_are_refused(refused: Callable, data: bytes, fault: str) -> None:
    assert fault in refused(data)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("mode", ["w", "w:gz", "zip"])
def test_a27_what_is_cut_is_refused(refused: Callable, mode: str, keep: float) -> None:
    noise = {f"{i}.png": os.urandom(3000) for i in range(5)}
    data = zipped(list(noise.items())) if mode == "zip" else tarball(noise, mode=mode)
    whole = len(data) if mode != "w" else 5 * 3584  # the zeros at the end apart
    assert refused(data[: int(keep * whole)])


def test_a27_a_tar_without_its_end_is_refused(refused: Callable) -> None:
    data = gzip.compress(gzip.decompress(tarball({"x.png": b"x"}))[:1024])
    assert "is broken or cut short (it ends in the middle)" in refused(data)


def test_a27_a_changed_byte_is_noticed(refused: Callable) -> None:
    data = bytearray(tarball({"x.png": os.urandom(3000)}))
    data[1500] ^= 1
    assert "is broken or cut short" in refused(bytes(data))
    assert "is broken or cut short" in refused(tarball(GOOD)[:-8] + bytes(8))


@pytest.mark.parametrize(
    ("data", "name", "fault"),
    [
        (b"", "set.zip", "is no tar, tar.gz or zip"),
        (b"<html>", "set.tar.gz", "is no tar, tar.gz or zip"),
        (tarball(GOOD, mode="w"), "set.zip", "is named as zip but is tar"),
        (zipped(list(GOOD.items())), "set.tar.gz", "is named as gzip but is zip"),
        (gzip.compress(b"no tar " * 1000, mtime=0), "set.tar.gz", "is broken or cut short"),
    ],
    ids=["empty", "html", "tar-as-zip", "zip-as-gzip", "gzip-of-no-tar"],  # bytes hold the time, and ids must not
)
def test_a27_wrong_kinds_are_refused(refused: Callable, data: bytes, name: str, fault: str) -> None:
    assert fault in refused(data, name)


def test_a28_what_could_run_is_left_out_and_counted(opened: Callable, desk: Path) -> None:
    names = ["a.py", "b.py", "run.sh", "lib.so", "x.exe", "Makefile", "w.pth", "README", "LICENSE.txt", "._a.png"]
    told = opened(tarred(*((plain_member(n, mode=0o755), b"x") for n in names)))
    assert set(files(desk / "out")) == {"good.png", "README", "LICENSE.txt"}
    wanted = {".py": 2, ".sh": 1, ".so": 1, ".exe": 1, "no suffix": 1, ".pth": 1, ".png": 1}
    assert dict(told.left_out) == wanted


def test_an_archive_of_nothing_useful_is_refused(refused: Callable) -> None:
    assert "holds no pictures, tables or texts" in refused(tarball({"a.py": b""}))


def test_a_full_disk_is_told_and_nothing_is_left(desk: Path) -> None:
    import resource

    (desk / "set").write_bytes(tarball({"x.png": os.urandom(200_000)}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ResourceError, match=r"x\.png: cannot be written: File too large"):
            unpack(desk / "set", desk / "out", limit_bytes=LIMIT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in desk.iterdir()] == ["set"]
