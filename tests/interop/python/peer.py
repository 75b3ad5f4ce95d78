"""What the scenarios share: addresses from JSON, errors as JSON, and a look at a whole database."""

import hashlib
import time

import transaction
import ZEO
import ZODB.utils
from ZODB.Connection import TransactionMetaData
from ZODB.serialize import referencesf


def endpoint(address):
    return address if isinstance(address, str) else tuple(address)


def storage(address, **options):
    options.setdefault("wait_timeout", 20)
    return ZEO.client(endpoint(address), **options)


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still not so after {seconds} s"
        time.sleep(0.005)


class Opened:
    """A database over ZEO and one connection to it, with a transaction manager of their own."""

    def __init__(self, address, **options):
        options.setdefault("wait_timeout", 20)
        self.database = ZEO.DB(endpoint(address), **options)
        self.manager = transaction.TransactionManager()
        self.connection = self.database.open(self.manager)
        self.root = self.connection.root()

    @property
    def storage(self):
        return self.database.storage

    def another(self):
        """A second connection of the same database, as (manager, connection)."""
        manager = transaction.TransactionManager()
        return manager, self.database.open(manager)

    def commit(self):
        self.manager.commit()

    def refresh(self, other=None):
        """Begins a transaction; one that sees what the client `other` has committed, once the news has come."""
        if other is not None:
            wait_for(lambda: self.storage.lastTransaction() >= other.storage.lastTransaction())
        self.manager.begin()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.manager.abort()
        self.connection.close()
        self.database.close()


def raised(call):
    """The exception that `call` raises, else None."""
    try:
        call()
    except Exception as error:
        return error
    return None


def error_name(error):
    return f"{type(error).__module__}.{type(error).__name__}"


def store(client, stores=(), deletes=(), finish=True):
    """One transaction below the object layer; `stores` are (oid, serial, data)."""
    meta = TransactionMetaData()
    client.tpc_begin(meta)
    try:
        for oid, serial, data in stores:
            client.store(oid, serial, data, "", meta)
        for oid, serial in deletes:
            client.deleteObject(oid, serial, meta)
        client.tpc_vote(meta)
        if finish:
            return client.tpc_finish(meta)
    except BaseException:
        client.tpc_abort(meta)
        raise
    client.tpc_abort(meta)
    return None


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def snapshot(address, name="1"):
    """Every object that can be reached from the root: oid to [tid, digest of the data]."""
    client = storage(address, storage=name)
    try:
        found, waiting = {}, [ZODB.utils.z64]
        while waiting:
            oid = waiting.pop()
            if oid.hex() in found:
                continue
            data, tid = ZODB.utils.load_current(client, oid)
            found[oid.hex()] = [tid.hex(), digest(data)]
            referencesf(data, waiting)
        return {"objects": found, "lastTransaction": client.lastTransaction().hex()}
    finally:
        client.close()
