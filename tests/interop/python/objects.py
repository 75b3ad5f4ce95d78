"""An application's life over ZEO: objects made, changed, in conflict, looked at in the past."""

import BTrees.check
import transaction
import ZEO
import ZODB.utils
from BTrees.Length import Length
from BTrees.OOBTree import OOBTree
from peer import Opened, endpoint, error_name, raised, storage, store, wait_for
from persistent.mapping import PersistentMapping
from ZODB.Connection import TransactionMetaData
from ZODB.POSException import ConflictError
from ZODB.utils import p64, u64, z64


def application(address):
    database = ZEO.DB(endpoint(address))
    with database.transaction("makes things") as connection:
        connection.root()["shop"] = PersistentMapping({"apples": 3, "name": "Obst \u2713"})
    with database.transaction() as connection:
        connection.root()["shop"]["apples"] += 4
    database.close()
    connection = ZEO.connection(endpoint(address))
    shop = dict(connection.root()["shop"])
    connection.close()
    return shop


def btrees(address, count):
    with Opened(address) as one:
        tree = one.root["tree"] = OOBTree()
        for number in range(count):
            tree[f"key{number:06d}"] = PersistentMapping({"number": number})
            if number % 500 == 499:
                one.commit()
        one.root["length"] = Length(count)
        one.commit()
    with Opened(address) as two:
        tree = two.root["tree"]
        BTrees.check.check(tree)
        total = sum(item["number"] for item in tree.values())
        for number in range(0, count, 2):
            del tree[f"key{number:06d}"]
        two.root["length"].change(-(count // 2))
        two.commit()
    with Opened(address) as three:
        tree = three.root["tree"]
        BTrees.check.check(tree)
        tree._check()
        return {"total": total, "left": len(tree), "length": three.root["length"]()}


def abort(address):
    with Opened(address) as one, Opened(address) as two:
        one.root["aborted"] = PersistentMapping({"value": 1})
        one.commit()
        one.root["aborted"]["value"] = 2
        one.root["never"] = PersistentMapping()
        savepoint = one.manager.savepoint()
        one.root["aborted"]["value"] = 3
        savepoint.rollback()
        middle = one.root["aborted"]["value"]
        one.manager.abort()
        # Voted, then given up: the server must let go of the object.
        oid = one.root["aborted"]._p_oid
        data, tid = ZODB.utils.load_current(one.storage, oid)
        store(one.storage, [(oid, tid, data)], finish=False)
        two.refresh(one)
        two.root["aborted"]["value"] = 4
        two.commit()
        one.refresh(two)
        return {"middle": middle, "never": "never" in one.root, "value": one.root["aborted"]["value"]}


def conflict(address):
    """Two connections change one mapping; what the loser is told, and that a second try works."""
    with Opened(address) as one, Opened(address) as two:
        one.root["contested"] = PersistentMapping({"value": 0})
        one.commit()
        two.refresh(one)
        mine, other = one.root["contested"], two.root["contested"]
        before = mine._p_serial
        mine["value"] = other["value"] + 1
        other["value"] = 100
        one.commit()
        error = raised(two.commit)
        two.manager.abort()
        told = {
            "error": error_name(error),
            "oid": error.oid == mine._p_oid,
            "class": error.class_name,
            "serials": [error.serials[0] == mine._p_serial, error.serials[1] == before],
        }
        two.refresh(one)
        told["seen"] = two.root["contested"]["value"]
        two.root["contested"]["value"] += 10
        two.commit()
        one.refresh(two)
        return {**told, "after": one.root["contested"]["value"]}


def read_conflict(address):
    with Opened(address) as one, Opened(address) as two:
        one.root["read"] = PersistentMapping({"value": 0})
        one.root["written"] = PersistentMapping({"value": 0})
        one.commit()
        two.refresh(one)
        before = one.root["read"]._p_serial
        # Read first: a ghost has no revision yet that could be checked.
        two.root["written"]["value"] = two.root["read"]["value"] + 1
        two.connection.readCurrent(two.root["read"])
        one.root["read"]["value"] = 7
        one.commit()
        error = raised(two.commit)
        two.manager.abort()
        told = {
            "error": error_name(error),
            "oid": error.oid == one.root["read"]._p_oid,
            "serials": [error.serials[0] == one.root["read"]._p_serial, error.serials[1] == before],
        }
        two.refresh(one)
        # Read first: a ghost has no revision yet that could be checked.
        two.root["written"]["value"] = two.root["read"]["value"] + 1
        two.connection.readCurrent(two.root["read"])
        two.commit()
        one.refresh(two)
        return {**told, "after": one.root["written"]["value"]}


def past(address):
    """History, old revisions and historical connections."""
    with Opened(address) as one:
        one.root["aged"] = aged = PersistentMapping({"value": 0})
        tids = []
        for value in range(4):
            aged["value"] = value
            one.manager.get().note(f"value {value} \u00e9")
            one.manager.get().user = "/ historian"
            one.manager.get().setExtendedInfo("value", value)
            one.commit()
            tids.append(aged._p_serial)
        client, oid = one.storage, aged._p_oid
        current, newest = ZODB.utils.load_current(client, oid)
        history = client.history(oid, 3)
        whole = client.history(oid, 100)
        loaded = [client.loadBefore(oid, tid) for tid in tids] + [
            client.loadBefore(oid, p64(u64(tids[-1]) + 1))
        ]
        serials = [client.loadSerial(oid, tid) for tid in tids]
        values = []
        for tid in tids:
            connection = one.database.open(transaction.TransactionManager(), at=tid)
            values.append(connection.root()["aged"]["value"])
            connection.close()
        missing = p64(2**40)
        return {
            "tids": [tid.hex() for tid in tids],
            "newest": newest.hex(),
            "getTid": client.getTid(oid).hex(),
            "lastTransaction": client.lastTransaction().hex(),
            "history": [
                [
                    entry["tid"].hex(),
                    entry["user_name"].decode(),
                    entry["description"].decode(),
                    entry["value"],
                    entry["size"] == len(current),
                ]
                for entry in history
            ],
            "wholeHistory": len(whole),
            "before": [found and [found[1].hex(), found[2] and found[2].hex()] for found in loaded],
            "serialsAgree": [data == found[0] for data, found in zip(serials, loaded[1:])],
            "historical": values,
            "unknown": [
                error_name(raised(lambda: client.loadBefore(missing, newest))),
                error_name(raised(lambda: client.loadSerial(oid, p64(u64(newest) + 5)))),
                error_name(raised(lambda: client.getTid(missing))),
                error_name(raised(lambda: client.history(missing))),
            ],
        }


def delete(address):
    client = storage(address)
    try:
        oid = client.new_oid()
        first = store(client, [(oid, z64, b"\x80\x03N.\x80\x03K\x01.")])
        wrong = raised(lambda: store(client, deletes=[(oid, p64(u64(first) + 1))]))
        second = store(client, deletes=[(oid, first)])
        client._cache.clear()
        return {
            "wrongSerial": error_name(wrong),
            "load": error_name(raised(lambda: ZODB.utils.load_current(client, oid))),
            "before": client.loadBefore(oid, second)[0].hex(),
            "getTid": error_name(raised(lambda: client.getTid(oid))),
        }
    finally:
        client.close()


def sizes(address, lengths):
    """Records of the given lengths, from nothing to megabytes, in one transaction; what comes back, byte for byte."""
    client, reader = storage(address), storage(address)
    try:
        oids = [client.new_oid() for _ in lengths]
        head = b"\x80\x03cpersistent.mapping\nPersistentMapping\n.\x80\x03}X\x04\x00\x00\x00dataB"
        data = []
        for length in lengths:
            filler = bytes(number * 7 % 251 for number in range(1000)) * (length // 1000 + 1)
            data.append(head + length.to_bytes(4, "little") + filler[:length] + b"s.")
        store(client, [(oid, z64, record) for oid, record in zip(oids, data)])
        return [ZODB.utils.load_current(reader, oid)[0] == record for oid, record in zip(oids, data)]
    finally:
        client.close()
        reader.close()


def oids(address, count):
    client = storage(address)
    try:
        return [u64(client.new_oid()) for _ in range(count)]
    finally:
        client.close()


def many_connections(address, count):
    """Clients that come, write and go; each sees what the one before left."""
    seen = []
    for number in range(count):
        with Opened(address) as one:
            seen.append(one.root.get("visits", 0))
            one.root["visits"] = seen[-1] + 1
            one.commit()
    return seen


def read_only(address):
    client = storage(address, read_only=True)
    writer = storage(address)
    try:
        data, tid = ZODB.utils.load_current(client, z64)
        errors = [
            error_name(raised(lambda: store(client, [(z64, tid, data)]))),
            error_name(raised(lambda: client.new_oid())),
        ]
        written = store(writer, [(z64, tid, data)])
        wait_for(lambda: client.lastTransaction() == written)
        return {"isReadOnly": client.is_read_only(), "errors": errors}
    finally:
        client.close()
        writer.close()


def status(address):
    with Opened(address) as one:
        before = one.storage.server_status()
        one.root["counted"] = PersistentMapping()
        one.commit()
        after = one.storage.server_status()
        return {
            "keys": list(after),
            "connections": after["connections"] - before["connections"],
            "commits": after["commits"] - before["commits"],
            "stores": after["stores"] - before["stores"],
            "last": after["last-transaction"] == one.storage.lastTransaction().hex(),
            "length": len(one.storage) > 0,
            "size": one.storage.getSize() > 0,
            "name": one.storage.getName(),
            "undo": one.storage.supportsUndo(),
        }


def unknown_storage(address):
    error = raised(lambda: storage(address, storage="nobody", wait_timeout=2))
    return error_name(error)


def put(address, name, key, value):
    """Sets root[key] in the storage `name` and returns the root's keys."""
    with Opened(address, storage=name) as one:
        one.root[key] = PersistentMapping({"value": value})
        one.commit()
        return sorted(one.root)


def vanish(address):
    """A transaction in the middle of which the client goes away without a word."""
    client = storage(address)
    meta = TransactionMetaData()
    data, tid = ZODB.utils.load_current(client, z64)
    client.tpc_begin(meta)
    client.store(z64, tid, data, "", meta)
    client.tpc_vote(meta)
    client.close()
    other = storage(address)
    try:
        return store(other, [(z64, tid, data)]) is not None
    except ConflictError as error:
        return repr(error)
    finally:
        other.close()
