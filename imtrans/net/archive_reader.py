"""The members of a tar, tar.gz or zip in order; anything but plain files and folders is refused.

tarfile's and zipfile's own loops are not used: they follow links, read headers of any size into memory, and join names
to paths.
"""

import contextlib
import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from imtrans.errors import DataError

CHUNK = 1 << 20
MAX_HEADER = 1 << 16  # a long name or a pax header; real ones have some hundred bytes
BLOCK = 512
DIRECTORY_ENTRY = 400  # bytes of an entry in a zip directory: a long name and extra fields
_NAMES = {"zip": (".zip",), "gzip": (".tar.gz", ".tgz", ".gz"), "tar": (".tar",)}
_TYPES = {
    tarfile.LNKTYPE: "hard link",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "pipe",
    tarfile.GNUTYPE_SPARSE: "sparse file",
}
# What the decoders raise for broken archives.
_FAULTS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)


@dataclass(frozen=True)
class Member:
    """One file or folder of an archive; `chunks` yields its bytes and is valid until the next member is read."""

    name: str
    is_folder: bool
    chunks: Callable[[], Iterator[bytes]]


def broken(archive: Path, fault: str, *, member: str | None = None) -> DataError:
    """The error for an archive, or for one member of it."""
    subject = "" if member is None else f"member {_short(member)!r} "
    hint = "Nothing was unpacked. Fetch it again; if the error remains, do not trust its source."
    return DataError(f"{archive}: {subject}{fault}", hint=hint)


def members(archive: Path, *, limit_bytes: int, limit_members: int) -> Iterator[Member]:
    """Every member in order. DataError for links, devices, encryption, unknown compression, and broken archives."""
    kind = _kind(archive)
    with _readable(archive):
        if kind == "zip":
            _check_directory(archive, limit_members)
            with zipfile.ZipFile(archive) as file:
                yield from _Zip(archive, file, limit_bytes, limit_members).members()
        else:
            with gzip.open(archive) if kind == "gzip" else archive.open("rb") as stream:
                yield from _Tar(archive, cast(BinaryIO, stream), limit_bytes).members()


@contextlib.contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """A block that decodes: DataError for a broken archive. Also for the chunks, which callers of `members` read."""
    try:
        yield
    except _FAULTS as error:
        raise broken(archive, f"is broken or cut short ({error})") from error


def _kind(archive: Path) -> str:
    with archive.open("rb") as file:
        start = file.read(BLOCK)
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        kind = "zip"
    elif start.startswith(b"\x1f\x8b"):
        kind = "gzip"
    elif start[257:262] == b"ustar":
        kind = "tar"
    else:
        raise broken(archive, "is no tar, tar.gz or zip")
    named = next((k for k, ends in _NAMES.items() if archive.name.lower().endswith(ends)), kind)
    if named != kind:
        raise broken(archive, f"is named as {named} but is {kind}")
    return kind


def _check_directory(archive: Path, limit_members: int) -> None:
    """Refuse a zip whose directory is larger than its members can need: zipfile reads it whole before the first."""
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - MAX_HEADER - 200))
        tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if 0 <= end <= len(tail) - 22:
        (directory,) = struct.unpack_from("<L", tail, end + 12)
        zip64 = tail.rfind(b"PK\6\6", 0, end - 48 + 8)  # where ZIP64 has the size if it needs more than 32 bits
        if directory == 0xFFFFFFFF and zip64 >= 0:
            (directory,) = struct.unpack_from("<Q", tail, zip64 + 40)
        if directory > limit_members * DIRECTORY_ENTRY:
            raise broken(archive, f"has a directory of {directory:,} bytes, too many for {limit_members:,} members")


class _Tar:
    """Reads headers itself; a name or size comes from the header, or from the GNU or pax header before it."""

    def __init__(self, archive: Path, stream: BinaryIO, limit_bytes: int) -> None:
        self.archive, self.stream = archive, stream
        self.allowed = limit_bytes + CHUNK  # bytes of the whole stream, headers too; each member adds to it
        self.remaining = 0  # bytes of the current member

    def members(self) -> Iterator[Member]:
        overrides: dict[str, str] = {}
        while (block := self._exactly(BLOCK)) != bytes(BLOCK):
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            # tarfile cuts a name at a NUL; what stands behind it could be another name to another program.
            if block[:100].partition(b"\0")[2].strip(b"\0"):
                raise broken(self.archive, "holds a NUL", member=info.name)
            if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                overrides |= self._extension(info)
                continue
            name, self.remaining = overrides.get("path", info.name), int(overrides.get("size", info.size))
            if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or self.remaining < 0:
                kind = _TYPES.get(info.type, "thing of an unknown kind")
                raise broken(self.archive, f"is a {kind}, not a file or folder", member=name)
            padding, overrides = -self.remaining % BLOCK, {}
            self.allowed += 8 * BLOCK
            yield Member(name, info.type == tarfile.DIRTYPE, self._chunks)
            for _ in self._chunks():  # what the caller has not read
                pass
            self._exactly(padding)
        while self._read(CHUNK):  # to the end, where gzip verifies its checksum
            pass

    def _chunks(self) -> Iterator[bytes]:
        while self.remaining:
            with _readable(self.archive):
                data = self._exactly(min(CHUNK, self.remaining))
            self.remaining -= len(data)
            yield data

    def _extension(self, info: tarfile.TarInfo) -> dict[str, str]:
        if not 0 <= info.size <= MAX_HEADER:
            raise broken(self.archive, f"has a header of {info.size:,} bytes", member=info.name)
        text = self._exactly(info.size)
        self._exactly(-info.size % BLOCK)
        if info.type == tarfile.GNUTYPE_LONGNAME:
            return {"path": text.removesuffix(b"\0").decode("utf-8", "surrogateescape")}
        if info.type == tarfile.GNUTYPE_LONGLINK:
            return {}
        records = dict(_records(text))
        if any(key.startswith("GNU.sparse") for key in records):
            raise broken(self.archive, "is a sparse file, not a plain one", member=records.get("path", info.name))
        if info.type == tarfile.XGLTYPE and {"path", "size", "linkpath"} & set(records):
            raise broken(self.archive, "sets one name or size for all members", member=info.name)
        return {k: v for k, v in records.items() if k in ("path", "size")}

    def _exactly(self, count: int) -> bytes:
        data = self._read(count)
        while len(data) < count:
            rest = self._read(count - len(data))
            if not rest:
                raise EOFError("it ends in the middle")
            data += rest
        return data

    def _read(self, count: int) -> bytes:
        data = self.stream.read(count)
        self.allowed -= len(data)
        if self.allowed < 0:
            # 100 kB of gzip can hold 100 MB of zeros in front of a header.
            raise broken(self.archive, "more bytes come out of it than a data set of this size can have")
        return data


def _records(text: bytes) -> Iterator[tuple[str, str]]:
    """The records of a pax header: length, blank, key=value, line break."""
    while text.strip(b"\0"):
        length = int(text.partition(b" ")[0])
        record, text = text[:length], text[length:]
        key, equals, value = record.partition(b" ")[2].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise ValueError("a pax header that cannot be read")
        yield key.decode("utf-8", "surrogateescape"), value[:-1].decode("utf-8", "surrogateescape")


@dataclass
class _Zip:
    archive: Path
    file: zipfile.ZipFile
    limit_bytes: int
    limit_members: int

    def members(self) -> Iterator[Member]:
        infos = self.file.infolist()
        if len(infos) > self.limit_members:
            raise broken(self.archive, f"more than {self.limit_members:,} members")
        if sum(i.file_size for i in infos) > self.limit_bytes:
            raise broken(self.archive, f"says that more than {self.limit_bytes:,} bytes come out of it")
        self._check_overlap(infos)
        for info in infos:
            self._check(info)
            name = info.orig_filename
            yield Member(name, name.endswith("/"), lambda info=info: self._chunks(info))  # type: ignore[misc]

    def _check_overlap(self, infos: list[zipfile.ZipInfo]) -> None:
        # Members that share their bytes make bombs that no compression ratio shows (Fifield 2019).
        end = 0
        for info in sorted(infos, key=lambda i: i.header_offset):
            if info.header_offset < end:
                raise broken(self.archive, "shares its bytes with another", member=info.orig_filename)
            end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size

    def _check(self, info: zipfile.ZipInfo) -> None:
        name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            label = "symbolic link" if kind == stat.S_IFLNK else "device or pipe"
            raise broken(self.archive, f"is a {label}, not a file or folder", member=name)
        if info.flag_bits & 0x2041:  # encryption, strong encryption, masked headers
            raise broken(self.archive, "is encrypted", member=name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise broken(self.archive, f"is packed by method {info.compress_type}, not deflate", member=name)
        if name.endswith("/") and info.file_size:
            raise broken(self.archive, "is a folder with content", member=name)
        if field := self._difference(info):
            raise broken(self.archive, f"has a header that differs from the directory in its {field}", member=name)

    def _difference(self, info: zipfile.ZipInfo) -> str:
        """The first field in which a member's own header differs from the directory, or the empty string."""
        stream = cast(BinaryIO, self.file.fp)
        stream.seek(info.header_offset)
        header = stream.read(30)
        magic, _, flags, method, _, crc, packed, size, length, _ = struct.unpack("<4s3H4s3L2H", header)
        if magic != b"PK\3\4":
            return "place"
        name = stream.read(length).decode("utf-8" if flags & 0x800 else "cp437", "replace")
        matches = {"name": name == info.orig_filename, "method": method == info.compress_type}
        matches["flags"] = flags & 0x809 == info.flag_bits & 0x809  # encrypted, numbers behind the data, UTF-8
        if not flags & 8:  # else the numbers stand behind the data
            matches["sum"] = crc == info.CRC
            matches["size"] = size in (info.file_size, 0xFFFFFFFF) and packed in (info.compress_size, 0xFFFFFFFF)
        return next((field for field, is_same in matches.items() if not is_same), "")

    def _chunks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        count = 0
        with _readable(self.archive), contextlib.closing(self.file.open(info)) as stream:
            while data := stream.read(CHUNK):
                count += len(data)
                yield data
        if count != info.file_size:
            raise broken(self.archive, f"has {count:,} of {info.file_size:,} bytes", member=info.orig_filename)


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:60]}...{name[-16:]}"
