"""Clients that commit while their server is killed, and the judge of what the file then holds.

Each client owns three objects and writes the same, ever higher number into all three of them in each transaction. It
notes every try before, and every acknowledgement after, in its own file: "try N" and "ok N TID".
"""

import os
import random
import shutil
import tempfile

import ZEO.Exceptions
import ZODB.FileStorage
from peer import Opened, raised
from persistent.mapping import PersistentMapping
from ZODB.POSException import ConflictError, StorageError
from ZODB.scripts import fstest
from ZODB.utils import p64, u64, z64
from zodbpickle import pickle

LOST = (ZEO.Exceptions.ClientDisconnected, ZEO.Exceptions.ClientStorageError, StorageError)


def prepare(address, clients):
    with Opened(address) as one:
        for client in range(clients):
            for part in range(3):
                one.root[f"client{client}.{part}"] = PersistentMapping({"client": client, "number": 0})
        one.commit()
        return {
            f"{client}": [one.root[f"client{client}.{part}"]._p_oid.hex() for part in range(3)]
            for client in range(clients)
        }


def commit_until_lost(address, client, log, seed):
    """Commits until the server is gone. Returns how many were acknowledged, and what it found at the start."""
    chance = random.Random(seed)
    acknowledged = 0
    with open(log, "a+", encoding="ascii") as notes:
        notes.seek(0)
        lines = [line.split() for line in notes]
        number = max([int(line[1]) for line in lines], default=0)
        told = max([int(line[1]) for line in lines if line[0] == "ok"], default=0)
        try:
            one = Opened(address)
        except LOST as error:
            return {"acknowledged": 0, "end": type(error).__name__}
        one.storage._server.timeout = 0.1  # once the server is gone, don't wait for it to come back
        try:
            objects = [one.root[f"client{client}.{part}"] for part in range(3)]
            found = [item["number"] for item in objects]
            if len(set(found)) != 1 or not told <= found[0] <= number:
                return {"error": f"client {client} finds {found}; tried {number}, was told {told}"}
            while True:
                number += 1
                print(f"try {number}", file=notes, flush=True)
                payload = chance.randbytes(chance.choice([10, 200, 5_000, 60_000]))
                for item in objects:
                    item["number"] = number
                    item["payload"] = payload
                one.commit()
                acknowledged += 1
                print(f"ok {number} {objects[0]._p_serial.hex()}", file=notes, flush=True)
        except LOST as error:
            return {"acknowledged": acknowledged, "end": type(error).__name__}
        except ConflictError as error:
            return {"error": f"client {client} alone writes its objects and is in conflict: {error}"}
        finally:
            one.storage.close()


def number_in(data):
    """The number in a record, read without its classes."""
    import io

    class Inert(pickle.Unpickler):
        def find_class(self, module, name):
            return type(name, (), {})

        def persistent_load(self, reference):
            return None

    stream = io.BytesIO(data)
    Inert(stream).load()
    return Inert(stream).load()["data"]["number"]


def judge(path, logs, owners, after):
    """What is wrong with the crashed file, on a copy of it; only transactions after the tid `after` are looked at."""
    wrong, tried, told = [], {}, {}
    for client, log in logs.items():
        with open(log, encoding="ascii") as notes:
            lines = [line.split() for line in notes]
        tried[client] = {int(line[1]) for line in lines if line[0] == "try"}
        told[client] = {int(line[1]): line[2] for line in lines if line[0] == "ok"}
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "Data.fs")
        shutil.copy(path, copy)
        if os.path.exists(path + ".index"):
            shutil.copy(path + ".index", copy + ".index")
        opened = ZODB.FileStorage.FileStorage(copy)  # cuts off what is unfinished
        error = raised(lambda: fstest.check(copy))
        if error:
            wrong.append(f"fstest: {error}")
        owner = {bytes.fromhex(oid): client for client, oids in owners.items() for oid in oids}
        start = p64(u64(bytes.fromhex(after)) + 1) if after else None
        last, count = bytes.fromhex(after) if after else z64, 0
        highest = {}
        for transaction in opened.iterator(start):
            count += 1
            if transaction.tid <= last:
                wrong.append(f"tid {transaction.tid.hex()} after {last.hex()}")
            last = transaction.tid
            numbers = {}
            for record in transaction:
                if record.oid in owner:
                    numbers.setdefault(owner[record.oid], []).append(number_in(record.data))
            for client, found in numbers.items():
                number = found[0]
                if len(found) != 3 or len(set(found)) != 1:
                    wrong.append(f"half a transaction {last.hex()} of client {client}: {found}")
                if number <= highest.get(client, -1):
                    wrong.append(f"client {client}: {number} after {highest[client]}")
                highest[client] = number
                if number and number not in tried[client]:
                    wrong.append(f"client {client} never wrote {number}")
                if told[client].pop(number, last.hex()) != last.hex():
                    wrong.append(f"client {client} was told another tid for {number} than {last.hex()}")
        for client, left in told.items():
            lost = {number: tid for number, tid in left.items() if tid > (after or "")}
            if lost:
                wrong.append(f"acknowledged and not there, client {client}: {lost}")
        opened.close()
    return {"wrong": wrong, "last": last.hex(), "transactions": count}
