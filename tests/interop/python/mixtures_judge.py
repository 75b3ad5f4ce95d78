"""The judge of what mixtures.py has left, with Python's own FileStorage on a copy."""

import bisect
import io
import os
import shutil
import tempfile
import time

import ZODB.FileStorage
from blobs import digest
from mixtures import Log
from peer import raised
from persistent.TimeStamp import TimeStamp
from ZODB.blob import BlobError, is_blob_record
from ZODB.POSException import POSKeyError
from ZODB.scripts import fstest
from ZODB.utils import load_current, z64
from zodbpickle import pickle

# Seconds. A transaction gets its id before it is written: a pack to now may come in between and not see it.
UNSEEN = 0.3
PREPARED = 3  # the last of an empty database's root, its collections and the workers' objects


class Inert(pickle.Unpickler):
    """Reads records without their classes; a reference is the hexadecimal oid."""

    def find_class(self, module, name):
        return type(name, (), {})

    def persistent_load(self, reference):
        return (reference[0] if isinstance(reference, tuple) else reference).hex()


def state_of(storage, record):
    """A record's state as mixtures.py notes it; what is not one of the workers' objects gets another kind of state."""
    if record.data is None:
        return None
    if is_blob_record(record.data):
        with open(storage.loadBlob(record.oid, record.tid), "rb") as file:
            return digest(file.read())
    stream = io.BytesIO(record.data)
    Inert(stream).load()
    data = Inert(stream).load()["data"]
    return [data["number"], digest(data["payload"])] if "number" in data else data


def pack_tid(moment):
    return TimeStamp(*time.gmtime(moment)[:5], moment % 60).raw().hex()


def packed(history, count):
    """What a pack to the transaction number `count` leaves of a history, tid to changes.

    Of each object the last state before that moment, if it can be reached from there or from what came later; and
    everything later.
    """
    current, left = {}, {}
    for tid, changes in history[:count]:
        for oid, state in changes.items():
            current[oid] = tid, state
    later = [changes for _, changes in history[count:]]
    mappings = [state for _, state in current.values()] + [state for changes in later for state in changes.values()]
    linked = {oid for mapping in mappings if isinstance(mapping, dict) for oid in mapping.values()}
    for oid, (tid, state) in current.items():
        if not isinstance(state, (str, type(None))) or oid in linked:
            left.setdefault(tid, {})[oid] = state
    for tid, changes in history[count:]:
        left[tid] = dict(changes)
    return left


def moments(history, packer):
    """How many transactions the file may be packed to: those of the last pack that was acknowledged, or a later try."""
    tids = [tid for tid, _ in history]
    told = max((pack_tid(packer.tries[number]["time"]) for number in packer.committed), default=None)
    tries = [packer.tries[number]["time"] for number in packer.tries if number not in packer.lost]
    counts = {0} if told is None else set()
    for moment in tries:
        if told is None or pack_tid(moment) >= told:
            first, last = (bisect.bisect_right(tids, pack_tid(at)) for at in (moment - UNSEEN, moment))
            counts.update(range(first, last + 1))
    return sorted(counts, reverse=True)


def differences(found, expected):
    """What is otherwise in the file than it should be."""
    for tid in sorted(found.keys() | expected.keys()):
        have, want = found.get(tid), expected.get(tid)
        if have != want:
            yield f"transaction {tid}: {have}, expected {want}"


class Copy:
    """The files under another name, opened with Python's FileStorage, which cuts off what is unfinished."""

    def __init__(self, folder):
        self._files = tempfile.TemporaryDirectory(dir=os.path.dirname(folder))
        self.path = os.path.join(self._files.name, "Data.fs")
        for name in os.listdir(folder):
            if name.startswith("Data.fs") and not name.endswith(".lock"):
                shutil.copy(os.path.join(folder, name), self._files.name)
        blobs = os.path.join(self._files.name, "blobs")
        shutil.copytree(os.path.join(folder, "blobs"), blobs, copy_function=os.link)
        self.storage = ZODB.FileStorage.FileStorage(self.path, blob_dir=blobs)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.storage.close()
        self._files.cleanup()


def judge(folder, logs, packer):
    """What is wrong with a crashed database, and what became of the tries without an answer."""
    wrong, logs, packer = [], {client: Log(path) for client, path in logs.items()}, Log(packer)
    with Copy(folder) as copy:
        error = raised(lambda: fstest.check(copy.path))
        if error:
            wrong.append(f"fstest: {error}")
        found, described, last = {}, {}, z64
        for transaction in copy.storage.iterator():
            if transaction.tid <= last:
                wrong.append(f"tid {transaction.tid.hex()} after {last.hex()}")
            last = transaction.tid
            described[transaction.description.decode()] = last.hex()
            changes = {}
            for record in transaction:
                try:
                    changes[record.oid.hex()] = state_of(copy.storage, record)
                except (POSKeyError, BlobError, OSError) as error:
                    wrong.append(f"blob {record.oid.hex()} of {last.hex()} can't be read: {error!r}")
            found[last.hex()] = changes
        unanswered = settle(logs, described)
        own, history = own_objects(logs)
        found = {tid: {oid: state for oid, state in changes.items() if oid not in own.others(found)} for tid, changes in found.items()}
    return wrong
