"""What clients see of a server with TLS whose configuration has the sections that are imported."""

import datetime
import time

from every_key import application
from peer import error_name, raised, storage
from persistent.mapping import PersistentMapping
from tls import context
from zc.zlibstorage import ZlibStorage
from ZODB.Connection import TransactionMetaData
from ZODB.FileStorage import FileStorage
from ZODB.utils import p64, z64
import ZODB

PLAIN = b"\x80\x03cpersistent.mapping\nPersistentMapping\nq\0.}q\1." + b" " * 500


def prepare(folder):
    """The databases that are there before; the moment between two transactions of each."""
    for name in "early", "filed", "trial":
        database = ZODB.DB(FileStorage(f"{folder}/{name}.fs"))
        with database.transaction() as connection:
            connection.root()["before"] = PersistentMapping(number=1)
        database.close()
    time.sleep(0.01)
    moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
    time.sleep(0.01)
    for name in "early", "filed":
        database = ZODB.DB(FileStorage(f"{folder}/{name}.fs"))
        with database.transaction() as connection:
            connection.root()["after"] = PersistentMapping(number=2)
        database.close()
    with open(f"{folder}/moment", "w") as file:
        file.write(moment)
    return moment


def use(address, cache, certificates):
    def options(identity="client"):
        return {"ssl": context(certificates, identity=identity), "ssl_server_hostname": "localhost"}

    def opened(name, **more):
        return storage(address, storage=name, **options(), **more)

    return {
        "upstream": application(address, "upstream", f"{cache}/upstream", **options()),
        "compressed": application(address, "compressed", f"{cache}/compressed", **options()),
        "uncompressed": application(address, "uncompressed", **options()),
        "trial": application(address, "trial", **options()),
        "records": [record(opened(name)) for name in ("compressed", "uncompressed", "raw")],
        "compressing": compressing(opened("raw")),
        "early": before(opened, "early"),
        "filed": before(opened, "filed"),
        "stranger": error_name(raised(lambda: storage(address, storage="raw", wait_timeout=1, **options("other")))),
    }


def store(client, oid, data):
    meta = TransactionMetaData()
    client.tpc_begin(meta)
    client.store(oid, z64, data, "", meta)
    client.tpc_vote(meta)
    return client.tpc_finish(meta)


def record(client):
    """What a client gets that knows nothing of compression, of what it has stored."""
    store(client, p64(100), PLAIN)
    seen = len(client.load(p64(100))[0])
    client.close()
    return seen


def compressing(client):
    """A client that compresses itself: the server keeps what it is given."""
    outer = ZlibStorage(client)
    store(outer, p64(200), PLAIN)
    seen = [len(client.load(p64(200))[0]) < 200, outer.load(p64(200))[0] == PLAIN]
    outer.close()
    return seen


def before(opened, name):
    """A view of the past can be read, and not be changed."""
    refused = raised(lambda: opened(name, wait_timeout=1))
    client = opened(name, read_only=True)
    database = ZODB.DB(client)
    with database.transaction() as connection:
        keys = sorted(connection.root().keys())
    seen = [error_name(refused) if refused else None, keys, client.isReadOnly()]
    database.close()
    return seen
