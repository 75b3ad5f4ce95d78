"""The original's command line tools, and files to try them on."""

import contextlib
import io
import os
import subprocess
import sys

import transaction
import ZODB
import ZODB.blob
import ZODB.FileStorage
from BTrees.Length import Length
from BTrees.OOBTree import OOBTree
from persistent.mapping import PersistentMapping
from persistent.wref import WeakRef
from ZODB.Connection import TransactionMetaData
from ZODB.utils import p64


def generate(path):
    """A history with undo, undo of undo, blobs, weak and dangling references, odd metadata, and a deleted object."""
    storage = ZODB.FileStorage.FileStorage(path, blob_dir=path + "-blobs")
    database = ZODB.DB(storage)
    connection = database.open()
    root = connection.root()
    root["length"], root["map"], root["tree"] = Length(), PersistentMapping(), OOBTree()
    current = transaction.get()
    current.setUser("it's", "/ bob")
    current.note('"quoted" and \n more')
    current.setExtendedInfo("key", [1, {"a": 2}])
    transaction.commit()
    for step in range(6):
        root["length"].change(1)
        root["map"][step] = PersistentMapping({"x": "y" * step * 50})
        root["tree"].update({step * 40 + each: "value %d" % each for each in range(40)})
        current = transaction.get()
        current.setUser("Jos\u00e9")
        current.note("step %d" % step)
        transaction.commit()
    root["blob"] = ZODB.blob.Blob(b"a blob's content")
    root["weak"] = WeakRef(root["map"][2])
    root["map"]["loop"] = root["map"]
    transaction.commit()
    for _ in range(2):
        database.undo(database.undoLog(0, 1)[0]["id"])
        transaction.get().note("undo")
        transaction.commit()
    gone = root["map"][3]._p_oid, root["map"][3]._p_serial
    current = TransactionMetaData()
    storage.tpc_begin(current)
    storage.deleteObject(*gone, current)
    storage.tpc_vote(current)
    storage.tpc_finish(current)
    raw(storage, 0x900, referring(0x901, 0x902, 1))
    raw(storage, 0x903, b"\x80\x03((U\x03modU\x05Classtt.\x80\x03N.")
    database.close()


def pack(path):
    database = ZODB.DB(ZODB.FileStorage.FileStorage(path, pack_gc=False))
    database.pack()
    database.close()


def referring(*oids):
    references = b"".join(b"C\x08" + p64(oid) + b"cmod\nOther\n\x86Q" for oid in oids)
    return b"\x80\x03cmod\nHolder\nq\0.\x80\x03(" + references + b"t."


def raw(storage, oid, data):
    current = TransactionMetaData(b"", b"by hand")
    storage.tpc_begin(current)
    storage.store(p64(oid), b"\0" * 8, data, "", current)
    storage.tpc_vote(current)
    storage.tpc_finish(current)


def add(path, count):
    """Commits more."""
    database = ZODB.DB(ZODB.FileStorage.FileStorage(path))
    connection = database.open()
    for step in range(count):
        connection.root()["more %d" % step] = PersistentMapping({"x": "y" * 100})
        transaction.commit()
    connection.close()
    database.close()


def load(address, count):
    """Commits to a server again and again."""
    import peer

    database = ZODB.DB(peer.storage(address))
    try:
        connection = database.open()
        root = connection.root()
        for step in range(count):
            root["step"] = step
            root["object %d" % (step % 20)] = PersistentMapping({"step": step, "x": "z" * (step % 500)})
            transaction.commit()
        connection.close()
    finally:
        database.close()


def run(module, *arguments):
    """Runs a module as a program."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    return {"code": done.returncode, "output": done.stdout, "error": done.stderr}


def fsdump(path):
    from ZODB.FileStorage.fsdump import fsdump as show

    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        show(path)
    return written.getvalue()


def fsoids(path, oids):
    return run("ZODB.scripts.fsoids", path, *oids)["output"]


def fstail(path, count):
    return run("ZODB.scripts.fstail", "-n", count, path)["output"]


def fstest(path):
    return run("ZODB.scripts.fstest", "-vv", path)


def analyze(path):
    return run("ZODB.scripts.analyze", path)["output"]


def fsrefs(path):
    return run("ZODB.scripts.fsrefs", path)["output"]


def fsrecover(path, target):
    return run("ZODB.fsrecover", path, target)


def repozo(arguments):
    return run("ZODB.scripts.repozo", *arguments)


def program(name, arguments):
    """Runs a program that stands beside the interpreter."""
    path = os.path.join(os.path.dirname(sys.executable), name)
    done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60)
    return {"code": done.returncode, "output": done.stdout, "error": done.stderr}


def commit(address, name, count):
    """Changes one object of a storage so many times."""
    import peer

    database = ZODB.DB(peer.storage(address, storage=name))
    try:
        connection = database.open()
        for step in range(count):
            connection.root()["step"] = "x" * 1000 + str(step)
            transaction.commit()
        connection.close()
    finally:
        database.close()
