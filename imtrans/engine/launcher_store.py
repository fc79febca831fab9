"""The key-value store of torch's launcher, in which a run that is started again must not meet its past.

torch 2.13.0: torchrun keeps one store for all attempts, so that the processes of a restart may connect to the addresses
of dead ones and fail (findings/torchrun-restarts-into-the-past). Its count of restarts is no remedy: each host counts
for itself.
"""

import time
import uuid
from collections.abc import Mapping
from datetime import timedelta

from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

from imtrans.errors import ResourceError

PAUSE = 0.02  # seconds between two looks into the store


def fresh_store(rank: int, size: int, *, timeout: timedelta, environment: Mapping[str, str]) -> Store | None:
    """The launcher's store, empty for these processes; None where it keeps none, and rank 0 opens a new one itself.

    Raises RuntimeError, ResourceError or ValueError if the processes do not find each other in time.
    """
    if environment.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    host, port = environment["MASTER_ADDR"], int(environment["MASTER_PORT"])
    store = TCPStore(host, port, size, is_master=False, timeout=timeout)
    return PrefixStore(agreed_name(store, rank, size, timeout=timeout), store)


def agreed_name(store: Store, rank: int, size: int, *, timeout: timedelta) -> str:
    """A name that these processes share and none before them had: rank 0 makes one up and answers each by its own."""
    own = f"imtrans/{uuid.uuid4().hex}"
    if rank:
        store.set(f"imtrans/asks/{rank}", own)
        name: str = store.get(own).decode()  # waits for the answer; one that a dead process got has another key
        store.set(f"{name}/{rank}", "")
        return name
    waiting, until = set(range(1, size)), time.monotonic() + timeout.total_seconds()
    while waiting := {other for other in waiting if not store.check([f"{own}/{other}"])}:
        if time.monotonic() > until:
            raise ResourceError(f"process {min(waiting)} of {size} did not come within {timeout.total_seconds():.0f} s")
        for asks in (f"imtrans/asks/{other}" for other in waiting):
            if store.check([asks]):
                store.set(store.get(asks).decode(), own)
        time.sleep(PAUSE)
    return own
