"""One session that has a server write every kind of line: the tests compare what two servers wrote."""

import socket
import struct
import threading
import time

import msgpack
from peer import endpoint, raised, storage, wait_for
from ZODB.Connection import TransactionMetaData
from ZODB.utils import p64, z64

RECORD = b"\x80\x03cpersistent.mapping\nPersistentMapping\nq\0.}q\1."


def pause():
    # What a connection's end has the server write is to be written before the next one begins.
    time.sleep(0.08)


def begin(client, oid, serial, vote=True):
    meta = TransactionMetaData()
    client.tpc_begin(meta)
    client.store(oid, serial, RECORD, "", meta)
    if vote:
        try:
            client.tpc_vote(meta)
        except BaseException:
            client.tpc_abort(meta)
            raise
    return meta


def commit(client, oid, serial):
    return client.tpc_finish(begin(client, oid, serial))


def frames(address, *messages):
    """A client that says hello and registers, then says these, and leaves."""
    register = (1, False, "register", ["1", False])
    say(address, b"M5", *(msgpack.packb(list(message)) for message in (register, *messages)))


def say(address, *parts):
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(b"".join(struct.pack(">I", len(part)) + part for part in parts))
        time.sleep(0.15)
        # Reading what there is keeps the end of the connection an orderly one.
        leave(connection)
    pause()


def leave(connection):
    try:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    except OSError:
        pass  # the server was faster


def probe(address):
    with socket.create_connection(address, timeout=5) as connection:
        leave(connection)
    pause()


def clients(address):
    """Commits, waiting, conflicts, aborts, packs, read-only clients, connections that end in the middle."""
    address = endpoint(address)
    one = storage(address, client_label="one", wait_timeout=5)
    pause()
    two = storage(address, wait_timeout=5)
    pause()
    a, b = p64(1), p64(2)
    first = commit(one, a, z64)
    second = commit(two, b, z64)
    # One waits for the other, and is in conflict then.
    meta = begin(one, a, first)
    failed = []
    waiting = threading.Thread(target=lambda: failed.append(raised(lambda: begin(two, a, first))))
    waiting.start()
    wait_for(lambda: one.server_status()["waiting"] == 1)
    one.tpc_finish(meta)
    waiting.join()
    assert failed[0] is not None
    one.tpc_abort(begin(one, b, second))
    one.tpc_abort(begin(one, b, second, vote=False))
    one.pack(time.time(), wait=True)
    assert raised(lambda: one.loadBefore(p64(999), b"\x7f" * 8))
    begin(one, b, second)
    one.close()
    pause()
    one = storage(address, client_label="one", wait_timeout=5)
    begin(one, b, second, vote=False)
    one.close()
    pause()
    reader = storage(address, read_only=True, wait_timeout=5)
    reader.pack(time.time(), wait=True)
    assert raised(lambda: reader._call("new_oids"))
    reader.close()
    pause()
    two.close()
    pause()


def many_wait(address, count):
    """Many wait for one."""
    address = endpoint(address)
    holder = storage(address, wait_timeout=5)
    pause()
    oid = p64(1)
    current = holder.getTid(oid)
    meta = begin(holder, oid, current)
    others, threads = [], []
    for number in range(count):
        others.append(storage(address, wait_timeout=5))
        pause()
        threads.append(threading.Thread(target=raised, args=[lambda: begin(others[number], oid, z64)]))
        threads[-1].start()
        wait_for(lambda: holder.server_status()["waiting"] == number + 1)
    holder.tpc_finish(meta)
    for thread in threads:
        thread.join()
    for other in others:
        other.close()
        pause()
    holder.close()
    pause()


def strangers(address):
    """Everything that no well-behaved client says."""
    address = endpoint(address)
    begin5 = (3, True, "tpc_begin", [5, b"", b"", b"", None, " "])
    probe(address)
    say(address, b"ruok")
    say(address, b"Z4")
    say(address, b"GET / H\xff'")
    say(address, b"M5", b"\xc1")
    say(address, b"M5", msgpack.packb([1, False, "register", ["nope", False]]))
    frames(address, (2, False, "nope", []))
    frames(address, (2, False, "loadBefore", [1]))
    frames(address, (2, False, "vote", [5]), (2, False, "tpc_finish", [5]))
    frames(address, begin5, (4, False, "vote", [6]), (4, False, "tpc_finish", [6]), (4, False, "tpc_abort", [5]))
    frames(address, begin5, (4, False, "tpc_finish", [5]))
    frames(address, begin5, begin5, (4, False, "tpc_begin", [6, b"", b"", b"", None, " "]))
    frames(address, begin5, (4, False, "vote", [5]), (4, False, "vote", [5]), (4, False, "tpc_abort", [5]))
    frames(address, (2, True, "storea", [z64, z64, b"x", 7]))
    frames(address, begin5, (2, False, "undoa", [b"x", 7]), (2, False, "deleteObject", [z64, z64, 7]))
    frames(address, (3, False, "getInvalidations", [b"\x7f" * 8]))
