"""What a server says of itself: the same life lived on any server, its status at every stage, and ZEO.nagios."""

import contextlib
import io
import os
import pickle
import threading
import types

import BTrees.Length
import ZEO.nagios
from persistent.mapping import PersistentMapping
from ZODB.Connection import TransactionMetaData
from ZODB.POSException import ConflictError
from ZODB.utils import p64, z64

from peer import storage, wait_for

# What differs from run to run; of these only the types are told.
TIMES = "start", "last-transaction", "lock_time"


def length(value):
    """A record of a counter: concurrent changes of one can be merged."""
    return pickle.dumps((BTrees.Length.Length, None), 2) + pickle.dumps(value, 2)


def mapping(text):
    """A record of an object whose class merges nothing."""
    return pickle.dumps((PersistentMapping, None), 2) + pickle.dumps({"data": {"text": text}}, 2)


def told(client):
    """A status as pairs in their order: what must be the same everywhere."""
    status = client.server_status()
    return [
        [key, type(value).__name__ if key in TIMES else repr(value)]
        for key, value in status.items()
    ]


def begin(client, *changes):
    transaction = TransactionMetaData()
    client.tpc_begin(transaction)
    for oid, serial, data in changes:
        client.store(p64(oid), serial, data, "", transaction)
    return transaction


def commit(client, *changes):
    transaction = begin(client, *changes)
    client.tpc_vote(transaction)
    return client.tpc_finish(transaction)


def life(address):
    """The stages of a life, each with the server's status then."""
    stages = []
    one, two, other = (storage(address) for _ in range(3))

    def stage(name):
        stages.append([name, told(one)])

    try:
        stage("new")
        first = commit(one, (1, z64, length(1)), (2, z64, mapping("two")), (3, z64, mapping("three")))
        stage("one commit")
        for oid in 1, 2, 3:
            two.load(p64(oid))
        stage("three loads")
        try:
            two.load(p64(99))
        except KeyError:
            stage("a load of what is not there")
        commit(one, (1, first, length(2)))
        stage("another commit")
        transaction = begin(two, (2, z64, mapping("conflict")))
        try:
            two.tpc_vote(transaction)
        except ConflictError:
            stage("a conflict")
        two.tpc_abort(transaction)
        stage("a conflict, given up")
        commit(two, (1, first, length(4)))
        stage("a conflict, resolved")
        transaction = begin(two, (2, first, mapping("given up")))
        two.tpc_abort(transaction)
        wait_for(lambda: not one.server_status()["active_txns"])
        stage("given up before the vote")
        transaction = begin(two, (2, first, mapping("given up")))
        two.tpc_vote(transaction)
        stage("voted")
        waiting = begin(other, (2, first, mapping("waits")))
        vote = threading.Thread(target=other.tpc_vote, args=(waiting,))
        vote.start()
        wait_for(lambda: one.server_status()["waiting"])
        stage("another one waits")
        two.tpc_abort(transaction)
        vote.join()
        stage("the other one has voted")
        other.tpc_abort(waiting)
        stage("given up after the vote")
        for name in "after the vote", "before the vote":
            three = storage(address)
            try:
                transaction = begin(three, (2, first, mapping("left")))
                three.server_status()
                if name == "after the vote":
                    three.tpc_vote(transaction)
            finally:
                three.close()
            wait_for(lambda: one.server_status()["connections"] == 3)
            stage("left " + name)
        return stages
    finally:
        one.close()
        two.close()
        other.close()


def nagios(address, metrics=False, status=None, seconds_later=None, unit="minutes"):
    """The plug-in's exit code and words; `status` names its file, which was written so many seconds ago."""
    text = address if isinstance(address, str) else "%s:%s" % tuple(address)
    clock = types.SimpleNamespace(time=lambda: os.stat(status).st_mtime + seconds_later)
    real = ZEO.nagios.time
    if seconds_later is not None:
        ZEO.nagios.time = clock
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            code = ZEO.nagios.check(text, metrics, status, unit)
    finally:
        ZEO.nagios.time = real
    return [code, out.getvalue()]


def commits(address, name, count):
    """Commits objects, each in a transaction of its own, and loads each."""
    writer, reader = (storage(address, storage=name) for _ in range(2))
    try:
        for oid in range(1, count + 1):
            serial = z64
            with contextlib.suppress(KeyError):
                serial = writer.load(p64(oid))[1]
            commit(writer, (oid, serial, mapping("data")))
        for oid in range(1, count + 1):
            reader.load(p64(oid))
    finally:
        writer.close()
        reader.close()


def voted(address, name):
    """The plug-in's exit code and words while a transaction is voted."""
    client = storage(address, storage=name)
    try:
        transaction = begin(client, (100, z64, mapping("voted")))
        client.tpc_vote(transaction)
        return nagios(address, True)
    finally:
        client.close()
