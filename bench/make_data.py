"""The data that the benchmark serves, as Python's FileStorage writes it.

usage: make_data.py PATH OBJECTS BYTES

Oids are 0 to OBJECTS - 1, a thousand a transaction; the same bytes each time.
"""

import random
import sys

import ZODB.FileStorage
from persistent.timestamp import TimeStamp
from ZODB.Connection import TransactionMetaData
from ZODB.utils import p64, z64

HEAD = b"\x80\x03cpersistent.mapping\nPersistentMapping\n.\x80\x03}X\x04\x00\x00\x00data}X\x01\x00\x00\x00kX"
OBJECTS_PER_TRANSACTION = 1000


def main(path, objects, size):
    chance = random.Random(1)
    letters = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz ", k=size * 20))
    storage = ZODB.FileStorage.FileStorage(path, create=True)
    for first in range(0, objects, OBJECTS_PER_TRANSACTION):
        meta = TransactionMetaData()
        number = first // OBJECTS_PER_TRANSACTION
        storage.tpc_begin(meta, TimeStamp(2024, 3, 5, number // 60, number % 60, 0).raw())
        for oid in range(first, min(first + OBJECTS_PER_TRANSACTION, objects)):
            # Between half and one and a half times the size.
            length = chance.randrange(size // 2, size + size // 2) - len(HEAD) - 7
            start = chance.randrange(len(letters) - length)
            text = letters[start : start + length].encode()
            storage.store(p64(oid), z64, HEAD + length.to_bytes(4, "little") + text + b"ss.", "", meta)
        storage.tpc_vote(meta)
        storage.tpc_finish(meta)
    storage.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
