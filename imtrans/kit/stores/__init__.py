"""Files by name in a folder here, or under an address such as s3://bucket/folder: read as a whole or in part."""

from imtrans.kit.stores.opening import is_address, open_store
from imtrans.kit.stores.store import Store

__all__ = ["Store", "is_address", "open_store"]
