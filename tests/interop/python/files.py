"""The Data.fs itself, looked at with Python's FileStorage while no server has it, or while one has."""

import logging
import os
import shutil
import tempfile

import zc.lockfile
import ZODB
import ZODB.FileStorage
import ZODB.utils
from peer import digest, raised, storage
from ZODB.scripts import fstest
from ZODB.utils import z64


class Warnings(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, line):
        self.lines.append(line.getMessage())


def check(path, snapshot=None):
    """Python's checker, then a FileStorage over it, compared with what clients saw. Returns what is wrong."""
    wrong = []
    error = raised(lambda: fstest.check(path))
    if error:
        wrong.append(f"fstest: {error}")
    warnings = Warnings()
    logging.getLogger("ZODB.FileStorage").addHandler(warnings)
    try:
        opened = ZODB.FileStorage.FileStorage(path)
    finally:
        logging.getLogger("ZODB.FileStorage").removeHandler(warnings)
    wrong += warnings.lines
    newest, last = {}, z64
    for transaction in opened.iterator():
        if transaction.tid <= last:
            wrong.append(f"tid {transaction.tid.hex()} after {last.hex()}")
        last = transaction.tid
        for record in transaction:
            newest[record.oid] = (record.tid, record.data)
    if len(newest) != len(opened):
        wrong.append(f"{len(opened)} objects in the index, {len(newest)} in the file")
    for oid, (tid, data) in newest.items():
        if data is not None and opened.load(oid) != (data, tid):
            wrong.append(f"index and file differ about {oid.hex()}")
    if snapshot is not None:
        if snapshot["lastTransaction"] != opened.lastTransaction().hex():
            wrong.append(
                f"last transaction {opened.lastTransaction().hex()}, clients saw {snapshot['lastTransaction']}"
            )
        for oid, (tid, seen) in snapshot["objects"].items():
            data, found = opened.load(bytes.fromhex(oid))
            if [found.hex(), digest(data)] != [tid, seen]:
                wrong.append(f"{oid}: clients saw {tid}, the file has {found.hex()}")
    opened.close()
    return wrong


def index_is_right(path):
    """Whether the saved index is there, is used, and says what a scan of the whole file says."""
    from ZODB.fsIndex import fsIndex

    saved = fsIndex.load(path + ".index")
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "Data.fs")
        shutil.copy(path, copy)
        scanned = ZODB.FileStorage.FileStorage(copy)
        same = dict(scanned._index.items()) == dict(saved["index"].items())
        end = scanned.getSize()
        scanned.close()
    return {"same": same, "end": saved["pos"] == end}


def lock_error(path):
    """What opening the file says while somebody else has it."""
    error = raised(lambda: ZODB.FileStorage.FileStorage(path).close())
    return isinstance(error, zc.lockfile.LockError)


def read_beside(path):
    """A read-only opening is allowed beside the owner."""
    opened = ZODB.FileStorage.FileStorage(path, read_only=True)
    length = len(opened)
    opened.close()
    return length


held = {}


def hold(path):
    held["file"] = ZODB.FileStorage.FileStorage(path)


def release():
    held.pop("file").close()


def add(path, key):
    """Python's own turn at the file, without any server."""

    database = ZODB.DB(ZODB.FileStorage.FileStorage(path))
    with database.transaction("python alone") as connection:
        connection.root()[key] = key
        keys = sorted(connection.root())
    database.close()
    return keys


def plain(value):
    """An extension's value without the difference between lists and tuples, which msgpack does not know."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.hex() if isinstance(value, bytes) else value


def listing(path):
    """All transactions of the file with all that they have."""
    opened = ZODB.FileStorage.FileStorage(path, read_only=True)
    found = [
        [
            item.tid.hex(),
            item.status,
            item.user.hex(),
            item.description.hex(),
            plain(item.extension),
            [
                [
                    record.oid.hex(),
                    record.tid.hex(),
                    record.data and digest(record.data),
                    record.data_txn and record.data_txn.hex(),
                ]
                for record in item
            ],
        ]
        for item in opened.iterator()
    ]
    opened.close()
    return found


def copy_to(address, path):
    """Copies all transactions of a file into a server (restore); the next oid the server gives out then."""
    source = ZODB.FileStorage.FileStorage(path, read_only=True)
    client = storage(address)
    try:
        client.copyTransactionsFrom(source)
        return {
            "next": ZODB.utils.u64(client.new_oid()),
            "last": client.lastTransaction() == source.lastTransaction(),
        }
    finally:
        client.close()
        source.close()
