"""Clients of servers that refuse changes, and clients that were away for a while."""

import time

from peer import Opened, error_name, raised, storage, wait_for
from persistent.mapping import PersistentMapping
from ZODB.Connection import TransactionMetaData
from ZODB.utils import load_current, p64, z64

RECORD = b"\x80\x03cpersistent.mapping\nPersistentMapping\nq\0.}q\1."

held = {}


def fill(address, count):
    with Opened(address) as one:
        for number in range(count):
            one.root["value"] = PersistentMapping(number=number)
            one.commit()
        return len(one.storage.history(z64, size=1000))


def read_only(address):
    """What a server says that refuses changes, to one who wants to write and to one who doesn't."""
    refused = raised(lambda: storage(address, wait_timeout=1))
    client = storage(address, read_only=True)
    fallback = storage(address, read_only_fallback=True)
    meta = TransactionMetaData()
    calls = {
        "new_oid": lambda: client._call("new_oids"),
        "begin": lambda: client._call("tpc_begin", 1, b"", b"", b"", None, " "),
        "vote": lambda: client._call("vote", 1),
        "finish": lambda: client._call("tpc_finish", 1),
        "abort": lambda: client._call("tpc_abort", 1),
        "pack": lambda: client.pack(time.time(), wait=True),
    }
    seen = {name: error_name(error) if (error := raised(call)) else None for name, call in calls.items()}
    seen["refused"] = error_name(refused)
    seen["read"] = load_current(client, z64)[1] == client.lastTransaction()
    seen["revisions"] = len(client.history(z64, size=1000))
    seen["fallback"] = [fallback.isReadOnly(), error_name(raised(lambda: fallback.tpc_begin(meta)))]
    for one in client, fallback:
        one.close()
    return seen


def cached(address, cache, count):
    """A client with a cache that stays: it reads these objects, and leaves."""
    client = storage(address, cache=cache)
    for number in range(count):
        load_current(client, p64(number))
    client.close()


def changed(address, numbers):
    """One transaction for each."""
    client = storage(address)
    for number in numbers:
        meta = TransactionMetaData()
        client.tpc_begin(meta)
        serial = z64 if raised(lambda: client.getTid(p64(number))) else client.getTid(p64(number))
        client.store(p64(number), serial, RECORD + b" " * 0, "", meta)
        client.tpc_vote(meta)
        client.tpc_finish(meta)
    client.close()


def verified(address, cache, count):
    """Which objects the cache still has when the client has come back, and whether all that it says is right."""
    client = storage(address, cache=cache)
    wait_for(lambda: client._cache.getLastTid() == client.lastTransaction())
    kept, right = [], True
    for number in range(count):
        found = client._cache.load(p64(number))
        if found is not None:
            kept.append(number)
            right = right and found[1] == client._call("getTid", p64(number))
    client.close()
    return [kept, right]


def works(address):
    """A commit, by a client that waits until there is a server; how often that was done."""
    with Opened(address, storage="main") as one:
        one.root["times"] = one.root.get("times", 0) + 1
        one.commit()
        return one.root["times"]
