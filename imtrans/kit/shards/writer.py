"""Writes shards: tar files of at most a certain size, an index beside each, and what describes them all."""

import io
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import Pair
from imtrans.kit.shards.index import SUFFIX, ShardIndex, packed_texts
from imtrans.kit.shards.members import JSON, Member, facts, member, member_key
from imtrans.kit.shards.record import MARK, SetRecord
from imtrans.kit.stores.store import Store

SHARD_BYTES = 256_000_000
BLOCK = 512  # of a tar file


class ShardWriter:
    """Puts the pairs of one split after another into shards in a store; `record` says what the sides are.

    A shard is there with its index, or not at all; shards.json is written by `close`, so that a set that was not
    packed to its end is none.
    """

    def __init__(self, store: Store, record: SetRecord, *, shard_bytes: int = SHARD_BYTES) -> None:
        self.store, self.record, self.shard_bytes = store, record, shard_bytes
        self.sides = ("source", "target", *record.data_spec.extras)
        self.bytes = 0
        self._counts: dict[str, dict[str, int]] = {}
        self._keys: set[str] = set()
        self._split = ""
        self._shard: _Shard | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="imtrans-pack-"))

    def add(self, split: str, pair: Pair, *, group: str = "", files: Sequence[Path] = ()) -> None:
        """Add a sample; `files` are those it was read from. DataError where a key comes twice in a split."""
        if split != self._split:
            self._finish()
            self._split, self._keys = split, set()
            self._counts.setdefault(split, {})
        if pair.key in self._keys:
            raise DataError(f"two samples of {split} have the key {pair.key!r}", hint="Give them different names.")
        self._keys.add(pair.key)
        members = self._members(pair, files)
        size = sum(len(each.content) + 2 * BLOCK for each in members)
        if self._shard and self._shard.size + size > self.shard_bytes:
            self._finish()
        if self._shard is None:
            name = f"{split}-{len(self._counts[split]):06}.tar"
            self._shard = _Shard(self._folder / name, self.sides)
        self._shard.add(pair.key, group or pair.key, members, facts(pair.key, group or pair.key, files))

    def close(self) -> SetRecord:
        """Write what is open, and the description of all."""
        self._finish()
        record = replace(self.record, shards=self._counts)
        path = self._folder / MARK
        path.write_text(record.text(), encoding="utf-8")
        self.store.write(MARK, path)
        return record

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _members(self, pair: Pair, files: Sequence[Path]) -> list[Member]:
        spec = self.record.data_spec
        arrays = {"source": pair.source, "target": pair.target, **pair.extras}
        specs = {"source": spec.source, "target": spec.target, **spec.extras}
        ends: Mapping[str, Path] = {"source": files[0], "target": files[-1]} if files else {}
        return [member(arrays[side], specs[side], ends.get(side)) for side in self.sides]

    def _finish(self) -> None:
        if self._shard is None:
            return
        shard, self._shard = self._shard, None
        index = shard.close()
        path = self._folder / f"{Path(index.shard).stem}{SUFFIX}"
        path.write_bytes(index.content())
        self.bytes += index.size + path.stat().st_size
        # The index last: a shard counts when it is there.
        self.store.write(index.shard, shard.path)
        self.store.write(path.name, path)
        for left in (shard.path, path):
            left.unlink(missing_ok=True)
        self._counts[self._split][index.shard] = len(index)


class _Shard:
    """A tar file that grows, and where its members lie."""

    def __init__(self, path: Path, sides: Sequence[str]) -> None:
        self.path, self.sides = path, sides
        self._tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by `close`
        self._rows: list[tuple[list[int], list[int], list[int], list[str]]] = []
        self._keys: list[str] = []
        self._groups: list[str] = []

    @property
    def size(self) -> int:
        """The bytes so far."""
        return int(self._tar.offset)

    def add(self, key: str, group: str, members: Sequence[Member], facts: bytes) -> None:
        name = member_key(key)
        places = [self._put(f"{name}.{side}{m.suffix}", m.content) for side, m in zip(self.sides, members, strict=True)]
        self._put(f"{name}{JSON}", facts)
        contents = [m.content for m in members]
        self._rows.append(
            (places, [len(c) for c in contents], [zlib.crc32(c) for c in contents], [m.suffix for m in members])
        )
        self._keys.append(key)
        self._groups.append(group)

    def close(self) -> ShardIndex:
        self._tar.close()
        kinds = sorted({suffix for row in self._rows for suffix in row[3]})
        keys, key_ends = packed_texts(self._keys)
        offset, length, checksum = (np.array([row[i] for row in self._rows], np.uint64) for i in range(3))
        index = ShardIndex(
            shard=self.path.name,
            size=self.path.stat().st_size,
            sides=self.sides,
            kinds=kinds,
            offset=offset,
            length=length,
            checksum=checksum,
            kind=np.array([[kinds.index(suffix) for suffix in row[3]] for row in self._rows], np.uint8),
            keys=keys,
            key_ends=key_ends,
        )
        if self._groups == self._keys:
            return index
        groups, group_ends = packed_texts(self._groups)
        return replace(index, groups=groups, group_ends=group_ends)

    def _put(self, name: str, content: bytes) -> int:
        """Add a member; returns where its bytes begin."""
        info = tarfile.TarInfo(name)  # without time and owner: the same pairs give the same shards
        info.size = len(content)
        self._tar.addfile(info, io.BytesIO(content))
        return int(self._tar.offset) - -(-len(content) // BLOCK) * BLOCK
