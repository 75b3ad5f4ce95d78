"""One server's side of a differential test: plays the steps of a history, and answers without tids and times."""

import base64
import os
import shutil
import threading

from differential_plain import Plain
from differential_records import record
from peer import storage, wait_for
from persistent.TimeStamp import TimeStamp
from ZODB.Connection import TransactionMetaData
from ZODB.utils import p64, u64, z64

MAXIMUM = b"\x7f" + b"\xff" * 7


class Side:
    """A storage that starts empty, and two clients of it."""

    def __init__(self, address, name, folder):
        self.plain = Plain()
        self.revisions = {}
        self.folder = folder
        self.blobs = 0
        self.clients = [self.client(address, name, number) for number in range(2)]

    def client(self, address, name, number):
        path = f"{self.folder}/{number}"
        os.makedirs(path)
        return storage(address, storage=name, blob_dir=path)

    def close(self):
        for client in self.clients:
            client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What the script names

    def transaction(self, back):
        """The transaction so many before the newest."""
        tids = self.plain.tids
        return tids[max(0, len(tids) - 1 - back)] if tids else z64

    def serial(self, oid, wanted):
        known = self.revisions.get(oid)
        if wanted == "zero" or not known:
            return z64
        if wanted == "wrong":
            return p64(12345)
        return known[max(0, len(known) - 1 - wanted["stale"])]

    # Steps

    def play(self, step):
        """A step's answer. What goes wrong in it is an answer, too."""
        return getattr(self, step["op"])(step)

    def begin(self, client, step):
        """Begins a transaction and does all up to the vote; what is to be voted, or an error."""
        meta = TransactionMetaData(step["user"], step["description"], step["extension"])
        client.tpc_begin(meta)
        try:
            for action in step["actions"]:
                self.act(client, meta, action)
        except Exception as error:
            client.tpc_abort(meta)
            return None, error
        return meta, None

    def act(self, client, meta, action):
        if action["do"] == "undo":
            client.undo(base64.b64encode(self.transaction(action["back"])), meta)
            return
        oid = p64(action["object"])
        serial = self.serial(oid, action["serial"])
        if action["do"] == "delete":
            client.deleteObject(oid, serial, meta)
        elif action["do"] == "check":
            client.checkCurrentSerialInTransaction(oid, serial, meta)
        elif action["kind"] == "blob":
            path = f"{self.folder}/blob"
            with open(path, "wb") as out:
                self.blobs += 1
                self.plain.blobs = True
                out.write(bytes((self.blobs + place) % 251 for place in range(256)) * (action["bytes"] // 256 + 1))
                out.truncate(action["bytes"])
            client.storeBlob(oid, serial, record("blob", None), path, "", meta)
        else:
            data = record(action["kind"], action["payload"], action["to"])
            client.store(oid, serial, data, "", meta)

    def vote(self, client, meta):
        try:
            return sorted(u64(oid) for oid in client.tpc_vote(meta) or ()), None
        except Exception as error:
            client.tpc_abort(meta)
            return None, error

    def end(self, client, meta, resolved, end):
        if end != "finish":
            client.tpc_abort(meta)
            return {"voted": resolved, "end": end}
        tid = client.tpc_finish(meta)
        return {"voted": resolved, "committed": self.committed(tid)}

    def committed(self, tid):
        """Takes note of a transaction that was committed, and tells what is in it."""
        for other in self.clients:
            wait_for(lambda: other.lastTransaction() >= tid)
        later = not self.plain.tids or tid > self.plain.tids[-1]
        self.plain.add(tid)
        found = [self.plain.transaction(item, self.note(item)) for item in self.clients[0].iterator(tid, tid)]
        return {"later": later, "found": found, "last": [self.plain.tid(one.lastTransaction()) for one in self.clients]}

    def note(self, item):
        records = list(item)
        for oid in {one.oid for one in records}:
            self.revisions.setdefault(oid, []).append(item.tid)
        return records

    def commit(self, step):
        client = self.clients[step["client"]]
        if step["end"] == "abort":
            meta, error = self.begin(client, step)
            if meta:
                client.tpc_abort(meta)
            return self.plain.value(error)
        return self.whole(client, step)

    def whole(self, client, step):
        meta, error = self.begin(client, step)
        if meta:
            resolved, error = self.vote(client, meta)
        return self.plain.error(error) if error else self.end(client, meta, resolved, step["end"])

    def race(self, step):
        """The first begins, the second commits, the first goes on."""
        one, two = self.clients
        meta, error = self.begin(one, step["first"])
        second = self.whole(two, step["second"])
        if meta:
            resolved, error = self.vote(one, meta)
        return [self.plain.error(error) if error else self.end(one, meta, resolved, step["first"]["end"]), second]

    def crossed(self, step):
        """The second asks for its vote when the first has voted."""
        one, two = self.clients
        (meta, error), (other, mistake) = self.begin(one, step["first"]), self.begin(two, step["second"])
        if meta:
            resolved, error = self.vote(one, meta)
        votes = []
        voter = threading.Thread(target=lambda: votes.append(self.vote(two, other)))
        if other:
            voter.start()
        first = self.plain.error(error) if error else self.end_between(one, meta, resolved, step["first"]["end"])
        if other:
            voter.join()
            reply, mistake = votes[0]
        if isinstance(first, bytes):
            first = {"voted": resolved, "committed": self.committed(first)}
        return [first, self.plain.error(mistake) if mistake else self.end(two, other, reply, step["second"]["end"])]

    def end_between(self, client, meta, resolved, end):
        """Ends it without looking: another one is at its vote."""
        return client.tpc_finish(meta) if end == "finish" else self.end(client, meta, resolved, end)

    def pack(self, step):
        client = self.clients[step["client"]]
        tid = self.transaction(step["back"])
        try:
            answer = self.plain.value(client.pack(TimeStamp(tid).timeTime() + 5e-6 if tid != z64 else 1e9))
        except KeyError:
            # An object is missing, one of those that are; the original has no words for it.
            answer = "missing"
        except Exception as error:
            answer = self.plain.error(error)
        for one in self.clients:
            one._cache.clear()
        return answer

    # Questions

    def attempt(self, call):
        try:
            return self.plain.value(call())
        except Exception as error:
            return self.plain.error(error)

    def query(self, step):
        client = self.clients[step["client"]]
        what = step["what"]
        oid = p64(step["number"])
        if what == "undoLog":
            return self.attempt(lambda: self.log(client.undoLog(step["first"], step["last"])))
        if what == "undoInfo":
            return self.attempt(lambda: self.log(client.undoInfo(step["first"], step["last"], step["wanted"])))
        if what == "iterate":
            return self.attempt(lambda: self.iterate(client, self.shifted(step["start"], step["shift"]),
                                                     self.shifted(step["stop"], step["shift"])))
        if what == "history":
            return self.attempt(lambda: self.history(client, oid, step["size"]))
        if what == "next":
            return self.attempt(lambda: client.record_iternext(oid))
        if what == "serial":
            return self.attempt(lambda: client.loadSerial(oid, self.shifted(step["start"], step["shift"]) or z64))
        if what == "load":
            client._cache.clear()
            return self.attempt(lambda: client.loadBefore(oid, self.shifted(step["start"], step["shift"]) or MAXIMUM))
        return self.sizes(client)

    def shifted(self, back, shift):
        return None if back < 0 or not self.plain.tids else p64(u64(self.transaction(back)) + shift)

    def log(self, entries):
        answer = []
        for entry in entries:
            told = self.plain.entry(entry)
            identity = base64.b64decode(entry["id"]) if isinstance(entry["id"], bytes) else None
            if identity is not None:
                told["id"] = self.plain.tid(identity)
                # An extension may say "time", too, and wins.
                told["time"] = self.value_or_when(entry["time"], identity)
            answer.append(told)
        return answer

    def value_or_when(self, time, tid):
        return self.plain.value(time) if not self.about(time, tid) else "the transaction's"

    def about(self, time, tid):
        return isinstance(time, float) and time == TimeStamp(tid).timeTime()

    def iterate(self, client, start, stop):
        return [self.plain.transaction(item, item) for item in client.iterator(start, stop)]

    def history(self, client, oid, size):
        return [{**self.plain.entry(entry), "time": self.about(entry["time"], entry["tid"])}
                for entry in client.history(oid, size)]

    def sizes(self, client):
        info = client._call("get_info")
        return [info["length"], info["size"], info["supportsUndo"], info["supports_record_iternext"],
                self.plain.tid(client._call("lastTransaction"))]

    def audit(self):
        """Everything that can be asked about the storage, question by question."""
        client = self.clients[0]
        oids = sorted(set(self.revisions) | {z64, p64(9999)})
        answers = {
            "sizes": self.sizes(client),
            "iteration": self.attempt(lambda: self.iterate(client, None, None)),
            "undoLog": self.attempt(lambda: self.log(client.undoLog(0, 1000))),
            "undoInfo": self.attempt(lambda: self.log(client.undoInfo(0, 1000, {"user_name": b"bob"}))),
            "current": self.attempt(lambda: self.walk(client)),
        }
        for oid in oids:
            number = u64(oid)
            answers[f"getTid {number}"] = self.attempt(lambda: client.getTid(oid))
            answers[f"history {number}"] = self.attempt(lambda: self.history(client, oid, 100))
            # The client's cache may know less than the server, and never more.
            for tid in [*self.plain.tids, MAXIMUM]:
                place = self.plain.tid(tid)
                answers[f"loadBefore {number} {place}"] = self.attempt(lambda: client._call("loadBefore", oid, tid))
            for tid in self.revisions.get(oid, ()):
                place = self.plain.tid(tid)
                data = self.attempt(lambda: client._call("loadSerial", oid, tid))
                answers[f"loadSerial {number} {place}"] = data
                # Several undos in a transaction can leave a file behind in the original that belongs to no revision.
                if self.blobs and isinstance(data, str):
                    answers[f"loadBlob {number} {place}"] = self.attempt(lambda: self.blob(client, oid, tid))
        return answers

    def walk(self, client):
        found, following = [], None
        while True:
            oid, tid, data, following = client.record_iternext(following)
            found.append(self.plain.record(oid, tid, data, None))
            if following is None:
                return found

    def blob(self, client, oid, tid):
        with open(client.loadBlob(oid, tid), "rb") as file:
            data = file.read()
        return [len(data), data[:1].hex()]
