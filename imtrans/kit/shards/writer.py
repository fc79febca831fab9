"""Writes shards: tar files of at most a certain size, an index beside each, and what describes them all."""

import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import Pair
from imtrans.kit.images import Array
from imtrans.kit.shards.index import SUFFIX, ShardIndex, packed_texts
from imtrans.kit.shards.members import JSON, Member, facts, member, member_key, pair_members
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
        if self._shard:
            self._shard.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _members(self, pair: Pair, files: Sequence[Path]) -> list[Member]:
        spec = self.record.data_spec
        if len(files) == 1 and spec.source.background == spec.target.background:
            halves = pair_members(pair.source, pair.target, spec.source, files[0])
        else:
            halves = None
        ends = {"source": files[0], "target": files[-1]} if files and not halves else {}
        sides = {"source": (pair.source, spec.source), "target": (pair.target, spec.target)}
        extras = [member(pair.extras[name], spec.extras[name]) for name in spec.extras]
        return [*(halves or [member(*each, ends.get(side)) for side, each in sides.items()]), *extras]

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
        self._members: list[Sequence[Member]] = []
        self._offsets: list[Sequence[int]] = []
        self._keys: list[str] = []
        self._groups: list[str] = []

    @property
    def size(self) -> int:
        """The bytes so far."""
        return int(self._tar.offset)

    def add(self, key: str, group: str, members: Sequence[Member], facts: bytes) -> None:
        name, offsets = member_key(key), dict[str, int]()
        for side, each in zip(self.sides, members, strict=True):
            # Both halves of a picture are one member.
            part = "pair" if each.cut else side
            offsets[side] = (
                offsets["source"] if each.cut and offsets else self._put(f"{name}.{part}{each.suffix}", each)
            )
        self._put(f"{name}{JSON}", Member(JSON, facts))
        self._offsets.append([*offsets.values()])
        self._members.append([each.written() for each in members])
        self._keys.append(key)
        self._groups.append(group)

    def close(self) -> ShardIndex:
        self._tar.close()
        kinds = sorted({each.suffix for row in self._members for each in row})
        keys, key_ends = packed_texts(self._keys)
        index = ShardIndex(
            shard=self.path.name,
            size=self.path.stat().st_size,
            sides=self.sides,
            kinds=kinds,
            offset=np.array(self._offsets, np.uint64),
            length=self._table(lambda each: each.size),
            checksum=self._table(lambda each: each.crc),
            kind=self._table(lambda each: kinds.index(each.suffix)),
            cut=self._table(lambda each: each.cut),
            keys=keys,
            key_ends=key_ends,
        )
        if self._groups == self._keys:
            return index
        groups, group_ends = packed_texts(self._groups)
        return replace(index, groups=groups, group_ends=group_ends)

    def _table(self, value: Callable[[Member], int]) -> Array:
        return np.array([[value(each) for each in row] for row in self._members], np.uint64)

    def _put(self, name: str, member: Member) -> int:
        """Add a member; returns where its bytes begin."""
        info = tarfile.TarInfo(name)  # without time and owner: the same pairs give the same shards
        info.size = len(member.content)
        self._tar.addfile(info, io.BytesIO(member.content))
        return int(self._tar.offset) - -(-info.size // BLOCK) * BLOCK
