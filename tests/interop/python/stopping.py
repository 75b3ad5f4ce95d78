"""A client of a server that is told to stop, or that ends transactions which take too long."""

import os
import socket
import threading
import time

from peer import error_name, raised, storage, wait_for
from ZODB.Connection import TransactionMetaData
from ZODB.FileStorage import FileStorage
from ZODB.utils import p64, z64

RECORD = b"\x80\x03cpersistent.mapping\nPersistentMapping\nq\0.}q\1."

held = {}


def vote(address, oid):
    """Votes and stays so."""
    client = storage(address)
    meta = TransactionMetaData()
    client.tpc_begin(meta)
    client.store(p64(oid), z64, RECORD, "", meta)
    client.tpc_vote(meta)
    held["voted"] = client, meta


def begin(address, oid):
    """Stores, and doesn't vote yet."""
    client = storage(address)
    meta = TransactionMetaData()
    client.tpc_begin(meta)
    client.store(p64(oid), z64, RECORD, "", meta)
    # Everything has arrived when this is answered.
    client._call("ping")
    held["begun"] = client, meta


def vote_begun():
    """What the vote of what was begun says."""
    client, meta = held["begun"]
    error = raised(lambda: client.tpc_vote(meta))
    client.close()
    return None if error is None else error_name(error)


def finish():
    client, meta = held.pop("voted")
    tid = client.tpc_finish(meta)
    client.close()
    return tid.hex()


def overrun(address, oid):
    """One client votes and dawdles; another one wants the same object. What both of them meet."""
    slow, other = storage(address), storage(address)
    first, second = TransactionMetaData(), TransactionMetaData()
    for client, meta in (slow, first), (other, second):
        client.tpc_begin(meta)
        client.store(p64(oid), z64, RECORD, "", meta)
    slow.tpc_vote(first)
    begin = time.monotonic()
    other.tpc_vote(second)
    tid = other.tpc_finish(second)
    waited = time.monotonic() - begin
    error = raised(lambda: slow.tpc_finish(first))
    slow.tpc_abort(first)
    # It connects again and goes on.
    wait_for(lambda: slow.lastTransaction() == tid)
    current = slow.getTid(p64(oid)) == tid
    for client in slow, other:
        client.close()
    return {"waited": waited, "error": error_name(error) if error else None, "current": current}


def has_timeout(address):
    client = storage(address)
    try:
        return client.server_status()["timeout-thread-is-alive"]
    finally:
        client.close()


class Heard(threading.Thread):
    """What a service manager is told."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.messages = []

    def run(self):
        while True:
            self.messages.append(self.socket.recv(65536).decode())


def service_manager(path):
    held["manager"] = Heard(path)
    held["manager"].start()


def told(count):
    """The first so many messages."""
    messages = held["manager"].messages
    wait_for(lambda: len(messages) >= count)
    return messages[:count]


def signal(pid, number):
    os.kill(pid, number)


def last_transaction(path):
    opened = FileStorage(path, read_only=True)
    try:
        return opened.lastTransaction().hex()
    finally:
        opened.close()
