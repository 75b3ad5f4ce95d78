"""The original's tools for cache files and traces, exports, and a server's vote that takes its time."""

import random
import re
import struct

import ZEO.cache
import ZODB
import ZODB.blob
import ZODB.FileStorage
from persistent.mapping import PersistentMapping
from tools import run
from ZODB.Connection import TransactionMetaData
from ZODB.utils import p64, u64


def contents(path, size):
    """What Python finds in a cache file."""
    cache = ZEO.cache.ClientCache(path, size)
    current = list(cache.contents())
    records = len(cache)
    last = u64(cache.getLastTid())
    cache.close()
    return {"objects": len(current), "records": records, "last": "%016x" % last}


def write_trace(path, seed, count):
    """A history of loads, stores and invalidations as a client traces them, with restarts and pauses."""
    chance = random.Random(seed)
    now, held = 1699999000, {}
    with open(path, "wb") as file:

        def event(code, oid=None, tid=0, end=0, length=0):
            name = b"" if oid is None else p64(oid)
            head = struct.pack(">iiH8s8s", now, (length << 8) | code, len(name), p64(tid), p64(end))
            file.write(head + name)

        event(0)
        for step in range(1, count):
            now += chance.choice([0, 0, 1, 2, 30])
            if chance.random() < 0.003:
                # cache_simul forgets what was before a start in the same interval.
                now += chance.randrange(900, 4000)
                event(0)
            oid = int(chance.paretovariate(0.6)) % 300
            if oid in held and chance.random() < 0.8:
                event(0x22, oid, held[oid][0], 0, held[oid][1])
            else:
                event(0x20, oid)
                held.setdefault(oid, (step, chance.randrange(10, 3000)))
                event(0x52, oid, held[oid][0], 0, held[oid][1])
            if chance.random() < 0.05:
                oid = chance.choice(list(held))
                held[oid] = step, held[oid][1]
                event(0x1C, oid, step)
                event(0x52, oid, step, 0, held[oid][1])
            elif chance.random() < 0.01:
                event(0x10, 1000, step)


def cache_stats(path, arguments):
    return run("ZEO.scripts.cache_stats", *arguments, path)["output"]


def cache_simul(path, megabytes):
    """Loads and hits of a simulated cache, summed up over its intervals."""
    output = run("ZEO.scripts.cache_simul", "-s", megabytes, path)["output"]
    rows = output.split("-" * 70)[0].splitlines()[2:]
    counts = [re.split(r" +", row[12:].strip()) for row in rows]
    return [sum(int(row[column].replace(",", "")) for row in counts) for column in (1, 2)]


def export(path, target):
    """A database with an object that has a blob and another object; the latter is exported."""
    database = ZODB.DB(ZODB.FileStorage.FileStorage(path, blob_dir=path + "-blobs"))
    with database.transaction() as connection:
        folder = PersistentMapping({"title": "a folder", "inner": PersistentMapping({"x": [1, 2]})})
        folder["blob"] = ZODB.blob.Blob(b"a blob's content")
        folder["loop"] = folder
        connection.root()["folder"] = folder
    connection = database.open()
    connection.exportFile(connection.root()["folder"]._p_oid, target).close()
    connection.close()
    database.close()


def folder(path, name):
    """What is under a name, in plain values."""
    database = ZODB.DB(ZODB.FileStorage.FileStorage(path, blob_dir=path + "-blobs"))
    connection = database.open()
    found = connection.root()[name]
    with found["blob"].open("r") as file:
        content = file.read().decode()
    answer = [found["title"], found["inner"]["x"], content, found["loop"] is found]
    connection.close()
    database.close()
    return answer


def import_file(path, source, name):
    database = ZODB.DB(ZODB.FileStorage.FileStorage(path, blob_dir=path + "-blobs"))
    with database.transaction() as connection:
        connection.root()[name] = connection.importFile(source)
    database.close()


def vote(path):
    """A storage holds a transaction between vote and finish."""
    global held, pending
    held = ZODB.FileStorage.FileStorage(path)
    pending = TransactionMetaData(b"", b"pending")
    held.tpc_begin(pending)
    held.store(p64(77), b"\0" * 8, b"\x80\x03cmod\nClass\nq\0.\x80\x03N.", "", pending)
    held.tpc_vote(pending)


def finish():
    held.tpc_finish(pending)
    held.close()


