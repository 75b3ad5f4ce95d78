"""The judge of what mixtures.py has left, with Python's own FileStorage on a copy."""

import bisect
import io
import os
import shutil
import tempfile
import time

import ZODB.FileStorage
from blobs import digest
from mixtures import Log, states_of
from peer import raised, wait_for
from persistent.TimeStamp import TimeStamp
from ZODB.blob import is_blob_record
from ZODB.POSException import POSKeyError
from ZODB.scripts import fstest
from ZODB.utils import load_current, z64
from zodbpickle import pickle

# Seconds. A transaction gets its id before it is written: a pack to now may come in between and not see it.
UNSEEN = 0.3


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
    reader = Inert(io.BytesIO(record.data))
    reader.load()
    data = reader.load()["data"]
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


def moments(history, told, tried):
    """How many transactions the file may be packed to: by the last of the packs `told`, or a later one of `tried`."""
    tids = [tid for tid, _ in history]
    counts = set() if told else {0}
    for time in [max(told), *tried] if told else tried:
        if not told or time >= max(told):
            first, last = (bisect.bisect_right(tids, pack_tid(at)) for at in (time - UNSEEN, time))
            counts.update(range(first, last + 1))
    return sorted(counts, reverse=True)


def restored(logs):
    """What undos have given objects back: oid to (tid of the undo, state)."""
    found = {}
    for log in logs.values():
        for number, tid in log.committed.items():
            if log.tries[number]["kind"] == "undo":
                for oid, state in log.tries[number]["changes"].items():
                    found.setdefault(oid, []).append((tid, state))
    return found


def differences(found, expected, moment, undone):
    """What is otherwise in the file than it should be.

    What was packed to `moment`, a tid, may still have old records: those from which later undos have their state. And
    it may do without a record that says of an object, back since then, that its creation was undone.
    """
    for tid in sorted(found.keys() | expected.keys()):
        have, want = found.get(tid), expected.get(tid)
        if tid <= moment:
            optional = {oid for oid, state in (want or {}).items() if state is None}
            want = {oid: state for oid, state in (want or {}).items() if oid not in optional}
            have = {
                oid: state
                for oid, state in (have or {}).items()
                if oid in want
                or not (oid in optional and state is None)
                and not any(later > moment and back == state for later, back in undone.get(oid, ()))
            }
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


def transactions_of(storage, wrong):
    """Everything in the file: tid to changes, and description to tid."""
    found, described, last = {}, {}, ""
    for transaction in storage.iterator():
        tid = transaction.tid.hex()
        if tid <= last:
            wrong.append(f"tid {tid} after {last}")
        last, changes = tid, {}
        described[transaction.description.decode()] = tid
        for record in transaction:
            try:
                changes[record.oid.hex()] = state_of(storage, record)
            except (POSKeyError, OSError) as error:
                wrong.append(f"blob {record.oid.hex()} of {tid} can't be read: {error!r}")
        found[tid] = changes
    return found, described


def settle(logs, found, described, wrong):
    """Notes which of the tries that were never answered are there, as a whole as they must be. Says how many."""
    count = 0
    for client, log in logs.items():
        for number in log.open:
            tid = described.get(f"{client}.{number}")
            if tid is None:
                log.add(lost=number)
                continue
            log.add(found=number, tid=tid)
            count += 1
            if found[tid] != log.tries[number]["changes"]:
                wrong.append(f"half of {client}.{number}: {found[tid]}, expected {log.tries[number]['changes']}")
    return count


def history_of(logs):
    """What all clients together have committed, oldest first, as (tid, changes)."""
    history = {}
    for log in logs.values():
        for tid, changes in log.transactions():
            history.setdefault(tid, {}).update(changes)
    return sorted(history.items())


def own_objects(found, history):
    """The same without what was made to hold the workers' objects: the root and its collections."""
    owned = {oid for _, changes in history for oid in changes}
    made = history[0][0]
    return {
        tid: left
        for tid, changes in found.items()
        if (left := {oid: state for oid, state in changes.items() if oid in owned or tid > made}) or tid > made
    }


def wrong_in_index(storage, found):
    """Where the newest record that is found is not the one that is loaded."""
    newest = {oid: (tid, state) for tid, changes in found.items() for oid, state in changes.items()}
    for oid, (tid, state) in newest.items():
        try:
            loaded = load_current(storage, bytes.fromhex(oid))[1].hex()
        except POSKeyError:
            loaded = None
        if loaded != (None if state is None else tid):
            yield f"object {oid}: loaded {loaded}, the newest is {tid} {state}"


def judge(folder, logs, packer):
    """What is wrong with a crashed database. Adds to the logs what became of the tries without an answer."""
    wrong, logs, packer = [], {client: Log(path) for client, path in logs.items()}, Log(packer)
    with Copy(folder) as copy:
        error = raised(lambda: fstest.check(copy.path))
        if error:
            wrong.append(f"fstest: {error}")
        found, described = transactions_of(copy.storage, wrong)
        wrong.extend(wrong_in_index(copy.storage, found))
    found_tries = settle(logs, found, described, wrong)
    history = history_of(logs)
    found = own_objects(found, history)
    told, tried = ([packer.tries[number]["time"] for number in numbers] for numbers in (packer.committed, packer.open))
    undone, against = restored(logs), {}
    for count in moments(history, told, tried):
        moment = history[count - 1][0] if count else ""
        against[count] = list(differences(found, packed(history, count), moment, undone))
    count = min(against, key=lambda count: len(against[count]))
    if against[count]:
        wrong.append(f"packed to none of {list(against)} of {len(history)} transactions, at best to {count}:")
        wrong.extend(against[count])
    packs = bool(packer.open), bool(packer.open) and count not in moments(history, told, [])
    for number in packer.open:
        packer.add(**{"found" if packs[1] else "lost": number})
    wrong.extend(wrong_refusals(logs, packer))
    return {
        "wrong": wrong,
        "found": found_tries,
        "interrupted": packs[0],
        "packed": packs[1],
        "transactions": [len(found), len(history)],
        "unseen": bool(told and not packs[1]) and count < bisect.bisect_right([tid for tid, _ in history], pack_tid(max(told))),
    }


def wrong_refusals(logs, packer):
    """Undos that were refused though no pack was to take away what they need."""
    for client, log in logs.items():
        for number, undone in log.refused.items():
            if not any(undone <= pack_tid(pack["time"]) for pack in packer.tries.values()):
                yield f"{client}.{number} was refused to undo {undone}, which was not packed"


def swept(folder):
    """What a server's start has left in the blob directory that should be gone, or removed that should be there."""
    blobs = os.path.join(folder, "blobs")
    removed = os.path.join(blobs, ".removed")  # removed in the background; an empty one is as good as none
    error = raised(lambda: wait_for(lambda: not os.path.exists(removed) or os.path.getsize(removed) == 0))
    wrong = [f"left behind: .removed, {error}"] if error else []
    wrong += [f"left behind: tmp/{name}" for name in os.listdir(os.path.join(blobs, "tmp"))]
    storage = ZODB.FileStorage.FileStorage(os.path.join(folder, "Data.fs"), blob_dir=blobs, read_only=True)
    try:
        records = {
            (record.oid, record.tid)
            for transaction in storage.iterator()
            for record in transaction
            if record.data is not None and is_blob_record(record.data)
        }
        files = {
            storage.fshelper.splitBlobFilename(os.path.join(directory, name))
            for _, directory in storage.fshelper.listOIDs()
            for name in os.listdir(directory)
        }
        for what, which in (("file without a record", files - records), ("record without a file", records - files)):
            wrong += [f"{what}: {oid and oid.hex()} {tid and tid.hex()}" for oid, tid in which]
    finally:
        storage.close()
    return wrong


def falsified(folder, logs, packer):
    """How many faults are found where something was made wrong, by what was made wrong."""
    found = {}

    def with_wrong(name, make_wrong, look=judge):
        with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as copy:
            shutil.copytree(folder, copy, dirs_exist_ok=True)
            moved = {client: os.path.join(copy, os.path.basename(path)) for client, path in logs.items()}
            moved_packer = os.path.join(copy, os.path.basename(packer))
            make_wrong(copy, {client: Log(path) for client, path in moved.items()}, moved_packer)
            wrong = swept(copy) if look is swept else judge(copy, moved, moved_packer)["wrong"]
            found[name] = len(wrong)

    def last_of(logs):
        return max((log for log in logs.values()), key=lambda log: log.transactions()[-1][0])

    def current_blob(copy, logs):
        blobs = {oid for log in logs.values() for state in mapping_states(log) for oid in state.values()}
        storage = ZODB.FileStorage.FileStorage(
            os.path.join(copy, "Data.fs"), blob_dir=os.path.join(copy, "blobs"), read_only=True
        )
        try:
            oid = bytes.fromhex(min(blobs))
            return storage.fshelper.getBlobFilename(oid, load_current(storage, oid)[1])
        finally:
            storage.close()

    def mapping_states(log):
        for states in states_of(log.transactions()).values():
            if isinstance(states[-1], dict):
                yield states[-1]

    def truth(copy, logs, packer):
        pass

    def lost(copy, logs, packer):
        log = last_of(logs)
        tid = f"{int(log.transactions()[-1][0], 16) + 1:016x}"
        log.add(**{"try": log.number + 1, "kind": "numbers", "changes": log.transactions()[0][1]})
        log.add(ok=log.number, tid=tid)

    def cut(copy, logs, packer):
        path = os.path.join(copy, "Data.fs")
        os.truncate(path, os.path.getsize(path) - 1)

    def another_state(copy, logs, packer):
        log = last_of(logs)
        number = max(log.committed)
        changes = {oid: "another" for oid in log.tries[number]["changes"]}
        log.add(**{**log.tries[number], "changes": changes})

    def half(copy, logs, packer):
        log = last_of(logs)
        number = max(log.committed)
        changes = {**log.tries[number]["changes"], "00000000ffffffff": [1, "one more object"]}
        log.add(**{**log.tries[number], "changes": changes})

    def another_tid(copy, logs, packer):
        log = last_of(logs)
        log.add(ok=max(log.committed), tid=f"{int(log.transactions()[-1][0], 16) + 1:016x}")

    def never_packed(copy, logs, packer):
        os.remove(packer)

    def other_blob(copy, logs, packer):
        path = current_blob(copy, logs)
        os.chmod(path, 0o600)
        with open(path, "ab") as file:
            file.write(b"more")

    def no_blob(copy, logs, packer):
        os.remove(current_blob(copy, logs))

    def stray_blob(copy, logs, packer):
        path = current_blob(copy, logs)
        shutil.copy(path, os.path.join(os.path.dirname(path), "0x0000000000000001.blob"))

    def left_behind(copy, logs, packer):
        open(os.path.join(copy, "blobs", "tmp", "zeo-0.upload"), "w").close()

    for make_wrong in (truth, lost, cut, another_state, half, another_tid, never_packed, other_blob, no_blob):
        with_wrong(make_wrong.__name__, make_wrong)
    for make_wrong in (no_blob, stray_blob, left_behind):
        with_wrong(f"{make_wrong.__name__}, swept", make_wrong, swept)
    return found
