"""What clients see of a server whose configuration has every key."""

import time

from peer import Opened, error_name, raised, storage, wait_for
from persistent.mapping import PersistentMapping
from ZODB.blob import Blob
from ZODB.Connection import TransactionMetaData
from ZODB.FileStorage import FileStorage
from ZODB.utils import p64, z64
import ZODB


def prepare(folder):
    """The databases that are there before."""
    for name in "frozen", "base":
        database = ZODB.DB(FileStorage(f"{folder}/{name}.fs"))
        with database.transaction() as connection:
            connection.root()["here"] = PersistentMapping({"before": True})
        database.close()


def use(address, cache):
    return {
        "1": application(address, "1", f"{cache}/1"),
        "small": full(address, "small"),
        "frozen": frozen(address, "frozen"),
        "memory": application(address, "memory"),
        "trial": application(address, "trial"),
        "blobs": application(address, "blobs", f"{cache}/blobs"),
        "deep": application(address, "deep", f"{cache}/deep"),
        "upstream": application(address, "upstream"),
        "verification": verification(address, "1"),
        "packed": packed(address, "1"),
    }


def application(address, name, blobs=None, **options):
    seen = {}
    with Opened(address, storage=name, blob_dir=blobs, **options) as one:
        seen["before"] = sorted(one.root.keys())
        for number in range(3):
            one.root[f"key{number}"] = PersistentMapping(number=number)
            one.commit()
        if blobs:
            one.root["blob"] = Blob(b"content of " + name.encode())
            one.commit()
        client = one.storage
        seen["undo"] = client.supportsUndo()
        if seen["undo"]:
            seen["log"] = [entry["description"].decode() for entry in client.undoLog(0, 2)]
        seen["read-only"] = client.isReadOnly()
    with Opened(address, storage=name, blob_dir=blobs, **options) as again:
        seen["after"] = {key: value.get("number") if isinstance(value, PersistentMapping) else None
                         for key, value in sorted(again.root.items())}
        if blobs:
            with again.root["blob"].open() as file:
                seen["blob"] = file.read().decode()
    return seen


def full(address, name):
    """A storage with a quota: what is too much is refused at the vote, and nothing of it stays."""
    client = storage(address, storage=name)
    meta = TransactionMetaData()
    client.tpc_begin(meta)
    client.store(p64(1), z64, b"x" * 4000, "", meta)
    error = raised(lambda: client.tpc_vote(meta))
    client.tpc_abort(meta)
    seen = [error_name(error) if error else None, error_name(raised(lambda: client.getTid(p64(1))))]
    client.close()
    return seen


def frozen(address, name):
    refused = raised(lambda: storage(address, storage=name, wait_timeout=1))
    client = storage(address, storage=name, read_only=True)
    seen = [
        error_name(refused),
        client.isReadOnly(),
        error_name(raised(lambda: client.tpc_begin(TransactionMetaData()))),
        client.load(z64)[0].hex() != "",
    ]
    client.close()
    return seen


def verification(address, name):
    """How much a client is told that was away: the queue has three transactions, the age is an hour."""
    client = storage(address, storage=name)
    tids = []
    for number in range(8):
        meta = TransactionMetaData()
        client.tpc_begin(meta)
        client.store(p64(1000 + number), z64, b"\x80\x03cpersistent.mapping\nPersistentMapping\nq\0.}q\1.", "", meta)
        client.tpc_vote(meta)
        tids.append(client.tpc_finish(meta))
    seen = []
    for tid in tids:
        last, oids = client._call("getInvalidations", tid)
        seen.append([last == tids[-1], sorted(oid.hex() for oid in oids)])
    seen.append(client._call("getInvalidations", p64(1)))
    client.close()
    return seen


def packed(address, name):
    client = storage(address, storage=name, read_only=True)
    client.pack(time.time(), wait=True)
    # pack-gc is off: nothing refers to these.
    seen = [client.getTid(p64(1000 + number)) is not None for number in range(3)]
    wait_for(lambda: client.server_status()["active_txns"] == 0)
    seen.append(client.server_status()["timeout-thread-is-alive"])
    client.close()
    return seen
