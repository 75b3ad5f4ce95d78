"""The bank of bank.ts: its history as Python's FileStorage reads it, and clients of it below the object layer."""

import ZODB.FileStorage
from ZODB.utils import u64

HEAD = b"\x80\x03cpersistent.mapping\nPersistentMapping\n.\x80\x03}X\x04\0\0\0data}(X\x06\0\0\0amountJ"


def amount_of(record):
    assert record.startswith(HEAD) and record.endswith(b"us."), record[:80]
    return int.from_bytes(record[len(HEAD) : len(HEAD) + 4], "little", signed=True)


def history(path):
    """All transactions: their ids, notes, and what they put into which account."""
    storage = ZODB.FileStorage.FileStorage(path, read_only=True)
    try:
        return [
            [
                transaction.tid.hex(),
                transaction.description.decode(),
                [[u64(record.oid), amount_of(record.data)] for record in transaction],
            ]
            for transaction in storage.iterator()
        ]
    finally:
        storage.close()
