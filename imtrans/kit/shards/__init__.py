"""Pairs in tar files as webdataset reads them, with an index beside each: any sample is read at once."""

from imtrans.kit.shards.reader import ShardReader
from imtrans.kit.shards.record import MARK, SetRecord
from imtrans.kit.shards.writer import ShardWriter

__all__ = ["MARK", "SetRecord", "ShardReader", "ShardWriter"]
