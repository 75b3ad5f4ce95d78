"""Blobs over ZEO: made, changed, given up, shared, undone; and the directory looked at with Python's own storage."""

import hashlib
import os
import socket
import threading
import time

import ZODB
import ZODB.FileStorage
from peer import Opened, endpoint, error_name, raised
from ZODB.blob import Blob
from ZODB.utils import p64


def content(length, seed=1):
    """Bytes that differ from place to place."""
    block = hashlib.sha512(str(seed).encode()).digest() * 1024
    return (block * (length // len(block) + 1))[:length]


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def read(blob):
    with blob.open() as file:
        return file.read()


def write(blob, data, mode="w"):
    with blob.open(mode) as file:
        file.write(data)


def application(address, cache, shared=False, name="blobs"):
    """An application's life with blobs. Answers what it has read."""
    options = {"blob_dir": cache, "shared_blob_dir": shared}
    seen = {}
    with Opened(address, **options) as one:
        one.root[name] = Blob(b"one")
        one.commit()
        blob = one.root[name]
        write(blob, b" two", "a")
        one.commit()
        seen["appended"] = read(blob).decode()
        write(blob, b"never")
        one.manager.abort()
        seen["aborted"] = read(blob).decode()
        write(blob, b"")
        one.commit()
        seen["empty"] = read(blob).decode()
        write(blob, b"three")
        one.commit()
        with blob.open("c") as committed:
            seen["committed"] = committed.read().decode()
        one.root[name + "2"] = Blob(b"x" * 59000)
        one.root[name + "3"] = Blob(content(130000))
        one.commit()
        seen["lengths"] = [len(read(one.root[name + number])) for number in ("2", "3")]
        savepoint = one.manager.get()
        write(blob, b"saved")
        point = savepoint.savepoint()
        write(blob, b"rolled back")
        point.rollback()
        one.commit()
        seen["savepoint"] = read(blob).decode()
    return seen


def other_client(address, cache, name="blobs"):
    """What another client, with a cache of its own, has."""
    with Opened(address, blob_dir=cache) as other:
        return [digest(read(other.root[name + number])) for number in ("", "2", "3")]


def undo(address, cache):
    """A revision is taken back, and that is taken back."""
    with Opened(address, blob_dir=cache) as one:
        one.root["undone"] = Blob(b"first")
        one.commit()
        write(one.root["undone"], b"second")
        one.commit()
        seen = []
        for _ in range(2):
            one.database.undo(one.database.undoLog(0, 1)[0]["id"], one.manager.get())
            one.commit()
            one.refresh()
            seen.append(read(one.root["undone"]).decode())
        return seen


def conflict(address, folder):
    """Two change one blob: the second gets a conflict, and its retry works."""
    with Opened(address, blob_dir=folder + "/c1") as one, Opened(address, blob_dir=folder + "/c2") as two:
        one.root["contested"] = Blob(b"start")
        one.commit()
        two.refresh(one)
        two_blob = two.root["contested"]
        read(two_blob)
        write(one.root["contested"], b"one")
        write(two_blob, b"two")
        one.commit()
        error = raised(two.commit)
        two.manager.abort()
        two.refresh(one)
        between = read(two.root["contested"]).decode()
        write(two.root["contested"], b"two")
        two.commit()
        return {"error": error_name(error), "between": between, "after": read(two.root["contested"]).decode()}


def big(address, folder, length):
    """A big blob goes up, and down to another client."""
    data = content(length, 7)
    with Opened(address, blob_dir=folder + "/big1") as one:
        one.root["big"] = Blob(data)
        one.commit()
    with Opened(address, blob_dir=folder + "/big2") as two:
        return read(two.root["big"]) == data


class SlowLine:
    """Passes a connection on, slowly in the server's direction to the client."""

    def __init__(self, address, bytes_at_once=20000, pause=0.0005):
        self.target, self.size, self.pause = endpoint(address), bytes_at_once, pause
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            threading.Thread(target=self.copy, args=(client, server, 0), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, self.pause), daemon=True).start()

    def copy(self, source, target, pause):
        try:
            while data := source.recv(self.size):
                target.sendall(data)
                time.sleep(pause)
        except OSError:
            pass
        finally:
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def two_at_once(address, folder, length):
    """Two threads fetch two big blobs of one transaction over one slow connection."""
    with Opened(address, blob_dir=folder + "/s1") as one:
        one.root["left"], one.root["right"] = Blob(content(length, 1)), Blob(content(length, 2))
        one.commit()
        for name in ("left", "right"):
            one.root[name]._p_activate()
        oids = [(one.root[name]._p_oid, one.root[name]._p_serial) for name in ("left", "right")]
    line = SlowLine(address)
    with Opened(line.address, blob_dir=folder + "/s2") as two:
        found = [None, None]

        def fetch(number):
            with open(two.storage.loadBlob(*oids[number]), "rb") as file:
                found[number] = file.read() == content(length, number + 1)

        threads = [threading.Thread(target=fetch, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    line.listener.close()
    return found


def missing(address, cache):
    with Opened(address, blob_dir=cache) as one:
        error = raised(lambda: one.storage.loadBlob(p64(1), p64(5)))
        return [error_name(error), str(error.args[0])[:16]]


def pack(address, cache):
    with Opened(address, blob_dir=cache) as one:
        one.database.pack()


def upload_until_lost(address, cache, length):
    """Commits blobs until the connection is gone; answers how many were acknowledged, oldest first."""
    acknowledged = []
    data = content(length, 3)
    try:
        with Opened(address, blob_dir=cache, wait_timeout=2) as one:
            while True:
                number = len(acknowledged)
                one.root[f"upload{number}"] = Blob(data + str(number).encode())
                one.commit()
                acknowledged.append(f"upload{number}")
    except Exception:
        return acknowledged


def stray_files(path, blobs):
    """Blob files without a record, and blob records without a file; opens both read-only."""
    storage = ZODB.FileStorage.FileStorage(path, blob_dir=blobs, read_only=True)
    try:
        records, wrong = set(), []
        for transaction in storage.iterator():
            for record in transaction:
                if record.data and b"ZODB.blob" in record.data and len(record.data) == 25:
                    records.add((record.oid, record.tid))
        for oid, tid in records:
            if raised(lambda: storage.loadBlob(oid, tid)):
                wrong.append(f"record without a file: {oid.hex()} {tid.hex()}")
        for oid, directory in storage.fshelper.listOIDs():
            for name in os.listdir(directory):
                found = storage.fshelper.splitBlobFilename(os.path.join(directory, name))
                if found not in records:
                    wrong.append(f"file without a record: {directory}/{name}")
        return wrong
    finally:
        storage.close()


def contents(path, blobs):
    """The blobs in the root, read with Python's FileStorage alone; name to digest."""
    storage = ZODB.FileStorage.FileStorage(path, blob_dir=blobs, read_only=True)
    database = ZODB.DB(storage)
    connection = database.open()
    try:
        root = connection.root()
        return {name: digest(read(root[name])) for name in sorted(root) if isinstance(root[name], Blob)}
    finally:
        connection.close()
        database.close()


def remote_contents(address, cache):
    """The same over ZEO."""
    with Opened(address, blob_dir=cache) as one:
        return {name: digest(read(one.root[name])) for name in sorted(one.root) if isinstance(one.root[name], Blob)}


def make_with_python(path, blobs, layout):
    """A database with blobs that Python has made."""
    # Python empties the blob directory of a Data.fs that it makes.
    ZODB.FileStorage.FileStorage(path).close()
    if layout == "lawn":
        os.makedirs(blobs)
        with open(os.path.join(blobs, ".layout"), "w") as marker:
            marker.write("lawn")
    database = ZODB.DB(ZODB.FileStorage.FileStorage(path, blob_dir=blobs))
    with database.transaction() as connection:
        connection.root()["python"] = Blob(b"made by Python")
    with database.transaction() as connection:
        write(connection.root()["python"], b", changed by Python", "a")
    database.close()
