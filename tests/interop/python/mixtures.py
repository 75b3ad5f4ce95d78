"""Clients that commit, undo, store blobs and pack while their server is killed; mixtures_judge.py judges what is left.

Each worker alone writes its three objects, its mapping and the blobs in that. Each packer packs. All of them note what
they do in a file of their own, one JSON object a line, before it is done and when it is acknowledged:

    {"try": 7, "kind": "numbers", "changes": {oid: state}}   {"ok": 7, "tid": "…"}   {"refused": 7, "undone": "…"}
    {"try": 3, "kind": "pack", "time": seconds}              {"ok": 3}

The judge adds {"found": 7, "tid": "…"} or {"lost": 7} for what was never answered. A transaction's description is
"client.number". An object's state is what `state_of` in mixtures_judge.py reads from its record, null when its
creation was undone.
"""

import base64
import json
import random
import time

import ZEO.Exceptions
from blobs import digest, read, write
from peer import Opened
from persistent.mapping import PersistentMapping
from ZODB.blob import Blob
from ZODB.POSException import UndoError

LOST = (ZEO.Exceptions.ClientDisconnected, ZEO.Exceptions.ClientStorageError)
PARTS = 3
MOST_BLOBS = 8


class Log:
    """A client's notes: what was read from them, and what is added."""

    def __init__(self, path):
        self.path = path
        self.tries, self.committed, self.lost, self.refused = {}, {}, set(), {}
        try:
            with open(path, encoding="ascii") as notes:
                for line in notes:
                    self._take(json.loads(line))
        except FileNotFoundError:
            pass

    def _take(self, note):
        if "try" in note:
            self.tries[note["try"]] = note
        elif "lost" in note:
            self.lost.add(note["lost"])
        elif "refused" in note:
            self.refused[note["refused"]] = note["undone"]
        else:
            self.committed[note.get("ok", note.get("found"))] = note.get("tid")

    def add(self, **note):
        with open(self.path, "a", encoding="ascii") as notes:
            print(json.dumps(note), file=notes)
        self._take(note)

    @property
    def number(self):
        return max(self.tries, default=0)

    @property
    def open(self):
        """The tries that were never answered and not judged yet."""
        return [number for number in self.tries if number not in self.committed.keys() | self.lost | self.refused.keys()]

    def transactions(self):
        """What was committed, oldest first, as (tid, changes)."""
        return [(self.committed[number], self.tries[number]["changes"]) for number in sorted(self.committed)]


def states_of(transactions):
    """Each object's states, oldest first."""
    found = {}
    for _, changes in transactions:
        for oid, state in changes.items():
            found.setdefault(oid, []).append(state)
    return found


def prepare(address, logs):
    """Makes the workers' objects."""
    with Opened(address) as one:
        made = {}
        for client in logs:
            parts = [PersistentMapping({"number": 0, "payload": b""}) for _ in range(PARTS)]
            made[client] = [*parts, PersistentMapping()]
            one.root[client] = PersistentMapping({"parts": parts, "blobs": made[client][-1]})
        one.commit()
        for client, objects in made.items():
            changes = {item._p_oid.hex(): [0, digest(b"")] for item in objects[:PARTS]}
            changes[objects[-1]._p_oid.hex()] = {}
            log = Log(logs[client])
            log.add(**{"try": 1, "kind": "made", "changes": changes})
            log.add(ok=1, tid=objects[0]._p_serial.hex())


class Worker:
    """One client's changes to its own objects."""

    def __init__(self, client, one, log):
        self.client, self.one, self.log = client, one, log
        self.parts = list(one.root[client]["parts"])
        self.blobs = one.root[client]["blobs"]
        self.acknowledged = {}
        self._tell_when_acknowledged()

    def _tell_when_acknowledged(self):
        storage = self.one.storage
        finish = storage.tpc_finish

        def tpc_finish(*args):
            tid = finish(*args)
            self.log.add(ok=self.log.number, tid=tid.hex())
            kind = self.log.tries[self.log.number]["kind"]
            self.acknowledged[kind] = self.acknowledged.get(kind, 0) + 1
            return tid

        storage.tpc_finish = tpc_finish

    def differences(self):
        """What the server has otherwise than the notes say."""
        expected = {oid: states[-1] for oid, states in states_of(self.log.transactions()).items()}
        found = {item._p_oid.hex(): [item["number"], digest(item["payload"])] for item in self.parts}
        found[self.blobs._p_oid.hex()] = {name: blob._p_oid.hex() for name, blob in self.blobs.items()}
        found |= {blob._p_oid.hex(): digest(read(blob)) for blob in self.blobs.values()}
        return {oid: [state, expected.get(oid)] for oid, state in found.items() if state != expected.get(oid)}

    def _commit(self, kind, changes):
        number = self.log.number + 1
        self.one.manager.get().note(f"{self.client}.{number}")
        self.log.add(**{"try": number, "kind": kind, "changes": changes})
        self.one.commit()

    def _bytes(self, sizes):
        return self.chance.randbytes(self.chance.choice(sizes))

    def numbers(self):
        number, payload = self.log.number + 1, self._bytes([10, 200, 5_000, 60_000])
        for item in self.parts:
            item["number"] = number
            item["payload"] = payload
        self._commit("numbers", {item._p_oid.hex(): [number, digest(payload)] for item in self.parts})

    def upload(self):
        """A new blob, or new content of one, or one less."""
        names = sorted(self.blobs)
        data = self._bytes([0, 1_000, 59_000, 300_000])
        action = self.chance.choice(["new", "change", "drop"] if names else ["new"])
        if action == "drop" or len(names) >= MOST_BLOBS:
            del self.blobs[self.chance.choice(names)]
            changes = {}
        elif action == "new":
            blob = Blob(data)
            self.one.connection.add(blob)
            self.blobs[f"blob{self.log.number + 1}"] = blob
            changes = {blob._p_oid.hex(): digest(data)}
        else:
            blob = self.blobs[self.chance.choice(names)]
            write(blob, data)
            self._commit("upload", {blob._p_oid.hex(): digest(data)})
            return
        changes[self.blobs._p_oid.hex()] = {name: item._p_oid.hex() for name, item in self.blobs.items()}
        self._commit("upload", changes)

    def undo(self):
        """Takes the last of its transactions back, whatever that was."""
        transactions = self.log.transactions()
        if len(transactions) < 2:
            return
        states = states_of(transactions[:-1])
        tid, changes = transactions[-1]
        self.one.database.undo(base64.encodebytes(bytes.fromhex(tid)).rstrip(), self.one.manager.get())
        try:
            self._commit("undo", {oid: states.get(oid, [None])[-1] for oid in changes})
        except UndoError:
            self.one.manager.abort()
            self.log.add(refused=self.log.number, undone=tid)

    def step(self, chance):
        self.chance = chance
        self.one.refresh()
        chance.choice([self.numbers, self.numbers, self.upload, self.upload, self.undo])()


CONNECTED = {}
"""What this process is connected as, for the call that follows."""


def connect(address, log, cache=None, client=None):
    """Connects a worker, or a packer where there is no `client`. Returns what the server has otherwise than noted."""
    one = Opened(address, **({"blob_dir": cache} if cache else {}))
    CONNECTED["one"], CONNECTED["log"] = one, Log(log)
    if client is None:
        return {}
    CONNECTED["worker"] = Worker(client, one, CONNECTED["log"])
    return CONNECTED["worker"].differences()


def until_lost(one, step):
    """Takes steps until the server is gone, and is not waited for."""
    one.storage._server.timeout = 0.1
    try:
        while True:
            step()
    except LOST:
        pass
    finally:
        one.storage.close()


def work_until_lost(seed):
    """Works until the server is gone. Returns how many of which kind were acknowledged."""
    worker, chance = CONNECTED["worker"], random.Random(seed)
    until_lost(worker.one, lambda: worker.step(chance))
    return worker.acknowledged


def pack(one, notes, moment):
    notes.add(**{"try": notes.number + 1, "kind": "pack", "time": moment})
    one.storage.pack(moment)
    notes.add(ok=notes.number)


def pack_until_lost(seed):
    """Packs until the server is gone, to now or to a moment before."""
    one, notes, chance = CONNECTED["one"], CONNECTED["log"], random.Random(seed)
    before = len(notes.committed)

    def step():
        pack(one, notes, time.time() - chance.choice([0, 0, 0.1, 0.5, 3]))
        time.sleep(chance.uniform(0, 0.1))

    until_lost(one, step)
    return {"pack": len(notes.committed) - before}


def some_of_each(packer):
    """Leaves something of everything: superseded records that are packed, a blob, another transaction."""
    worker = CONNECTED["worker"]
    worker.chance = random.Random(0)
    worker.one.refresh()
    worker.numbers()
    worker.numbers()
    while not worker.blobs:
        worker.upload()
    pack(worker.one, Log(packer), time.time())
    worker.numbers()
    worker.one.storage.close()
