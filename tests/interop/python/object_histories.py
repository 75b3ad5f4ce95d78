"""The Python side of objects_differential_test.ts: carries out histories with the original's objects."""

import io
import logging
import os
import pickle
import sys
import types

import BTrees.IOBTree
import BTrees.Length
import BTrees.OOBTree
import persistent
import persistent.list
import persistent.mapping
import persistent.wref
import transaction
import ZODB
import ZODB.blob
import ZODB.Connection
import ZODB.FileStorage
from ZODB.utils import p64, u64, z64

tests = types.ModuleType("tests")
tests.histories = types.ModuleType("tests.histories")
sys.modules["tests"] = tests
sys.modules["tests.histories"] = tests.histories


class Thing(persistent.Persistent):
    __module__ = "tests.histories"


class Point:
    """Not persistent: part of the records that it is in."""

    __module__ = "tests.histories"

    def __init__(self, x):
        self.x = x


tests.histories.Thing = Thing
tests.histories.Point = Point

KINDS = {
    "thing": Thing,
    "map": persistent.mapping.PersistentMapping,
    "list": persistent.list.PersistentList,
    "iotree": BTrees.IOBTree.IOBTree,
    "ootree": BTrees.OOBTree.OOBTree,
    "length": BTrees.Length.Length,
    "blob": ZODB.blob.Blob,
}


class Absent(Exception):
    """The history names an object that nobody can have by then."""


class Reads(dict):
    """What has to be current. There it is forgotten of what was stored at a savepoint, though that was gone back from."""

    def __init__(self):
        self.stored = {}

    def pop(self, oid, *default):
        if oid in self:
            self.stored[oid] = self[oid]
        return super().pop(oid, *default)

    def clear(self):
        self.stored.clear()
        super().clear()

    def restore(self, still_stored):
        for oid, serial in self.stored.items():
            if oid not in still_stored:
                self.setdefault(oid, serial)


class Connection(ZODB.Connection.Connection):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._readCurrent = Reads()


ZODB.DB.klass = Connection


class Side:
    def __init__(self, path, setup):
        self.databases = {}
        self.dbs = [
            ZODB.DB(
                ZODB.FileStorage.FileStorage(f"{path}-{name}.fs", blob_dir=f"{path}-{name}.blobs"),
                database_name=name, databases=self.databases, cache_size=setup["cache"],
            )
            for name in ("one", "two")
        ]
        self.path = path
        self.small = setup["cache"] < 100
        self.tids = {"one": [], "two": []}
        self.connections = [self.dbs[0].open(transaction.TransactionManager()) for _ in range(setup["connections"])]
        self.held = [{0: connection.root()} for connection in self.connections]
        for held in self.held:
            held[0]._p_activate()
        self.savepoints = [[] for _ in self.connections]
        self.fresh = [set() for _ in self.connections]  # objects that were not committed yet
        self.files = 0

    # What steps name

    def object(self, c, h):
        held = self.held[c]
        if h not in held:
            for other in self.held:
                there = other.get(h)
                if there is not None and there._p_oid is not None:
                    connection = self.connections[c].get_connection(there._p_jar.db().database_name)
                    found = connection.get(there._p_oid)
                    found._p_activate()  # it may be a ghost that is there by chance, and gone from the database
                    held[h] = found
                    break
            else:
                raise Absent
        return held[h]

    def active(self, c, h):
        found = self.object(c, h)
        found._p_activate()
        return found

    def value(self, c, spec):
        if not isinstance(spec, dict):
            return spec
        (kind, inner), = spec.items()
        if kind == "ref":
            return self.object(c, inner)
        if kind == "weak":
            return persistent.wref.WeakRef(self.object(c, inner))
        if kind == "list":
            return [self.value(c, item) for item in inner]
        if kind == "tuple":
            return tuple(self.value(c, item) for item in inner)
        if kind == "dict":
            return {key: self.value(c, item) for key, item in inner}
        if kind == "set":
            return set(inner)
        if kind == "twice":
            shared = self.value(c, inner)
            return [shared, shared]
        if kind == "point":
            return Point(self.value(c, inner))
        raise KeyError(kind)

    # What steps do

    def new(self, c, h, kind):
        self.held[c][h] = KINDS[kind]()
        self.fresh[c].add(h)

    def add(self, c, h):
        self.add_to(self.connections[c], c, h)

    def far(self, c, h):
        self.add_to(self.connections[c].get_connection("two"), c, h)

    def add_to(self, connection, c, h):
        found = self.object(c, h)
        try:
            connection.add(found)
        except Exception:
            # Python has given it an id before it was refused.
            if h in self.fresh[c]:
                del self.held[c][h]
            raise

    def set(self, c, h, name, spec):
        found = self.active(c, h)
        setattr(found, name, self.value(c, spec))

    def delete(self, c, h, name):
        found = self.active(c, h)
        if name in found.__dict__:
            delattr(found, name)

    def inside(self, c, h, name, spec):
        found, value = self.active(c, h), self.value(c, spec)
        inner = found.__dict__.get(name)
        if isinstance(inner, (list, dict, set)) and not (isinstance(inner, set) and not isinstance(value, (int, str))):
            found._p_changed = True  # which it would not hear of otherwise
            if isinstance(inner, list):
                inner.append(value)
            elif isinstance(inner, set):
                inner.add(value)
            else:
                inner[f"k{len(inner)}"] = value

    def put(self, c, h, key, spec):
        found = self.active(c, h)
        found[key] = self.value(c, spec)

    def take(self, c, h, key):
        found = self.active(c, h)
        if key in found:
            del found[key]

    def fill(self, c, h, start, count, text):
        found = self.active(c, h)
        for i in range(start, start + count):
            found[f"{i:04}" if text else i] = i

    def push(self, c, h, spec):
        found = self.active(c, h)
        found.append(self.value(c, spec))

    def pop(self, c, h):
        found = self.active(c, h)
        if len(found):
            found.pop()

    def clear(self, c, h):
        self.active(c, h).clear()

    def change(self, c, h, delta):
        self.active(c, h).change(delta)

    def write(self, c, h, text):
        with self.active(c, h).open("w") as file:
            file.write(text.encode())

    def append(self, c, h, text):
        with self.active(c, h).open("a") as file:
            file.write(text.encode())

    def fetch(self, c, h):
        self.object(c, h)

    def read(self, c, h):
        return self.told(c, self.active(c, h))

    def commit(self, c, note):
        current = self.connections[c].transaction_manager.get()
        if note:
            current.note(note)
            current.setUser("ann")
        try:
            current.commit()
        except Exception:
            # What wasn't reached still shows its changes there, ours nowhere.
            current.abort()
            self.forget_new(c)
            raise
        # One that was committed as a ghost doesn't know its transaction there.
        for h in [h for h in self.fresh[c] if h in self.held[c] and self.held[c][h]._p_jar]:
            self.held[c][h]._p_activate()
            self.fresh[c].discard(h)

    def forget_new(self, c):
        # Some keep an id after a failed commit, and some have lost their state; ours are new objects again, with it.
        self.held[c] = {h: found for h, found in self.held[c].items() if h not in self.fresh[c] and found._p_jar}

    def abort(self, c):
        self.connections[c].transaction_manager.abort()
        self.forget_new(c)

    def begin(self, c):
        self.connections[c].transaction_manager.begin()
        self.forget_new(c)

    def doom(self, c):
        self.connections[c].transaction_manager.doom()

    def savepoint(self, c):
        current = self.connections[c].transaction_manager.get()
        try:
            self.savepoints[c].append(current.savepoint())
        except Exception:
            current.abort()
            self.forget_new(c)
            raise

    def rollback(self, c, i):
        if self.savepoints[c]:
            self.savepoints[c][i % len(self.savepoints[c])].rollback()
            for connection in self.connections[c].connections.values():
                aside = connection._savepoint_storage
                connection._readCurrent.restore(aside.index if aside else {})
            self.held[c] = {h: found for h, found in self.held[c].items() if found._p_jar}

    def current(self, c, h):
        found = self.active(c, h)
        found._p_jar and found._p_jar.readCurrent(found)

    def changed(self, c, h, changed):
        found = self.object(c, h)
        if changed:
            found._p_activate()
        if changed is None and h in self.fresh[c]:
            return
        found._p_changed = changed

    def deactivate(self, c, h):
        found = self.object(c, h)
        if h not in self.fresh[c]:
            found._p_deactivate()

    def invalidate(self, c, h):
        found = self.object(c, h)
        if h not in self.fresh[c]:
            found._p_invalidate()

    def minimize(self, c):
        self.connections[c].cacheMinimize()

    def collect(self, c):
        self.connections[c].cacheGC()

    def reopen(self, c):
        self.abort(c)  # a connection to a second database that has joined leaves the first half closed there
        manager = self.connections[c].transaction_manager
        self.connections[c].close()
        self.connections[c] = self.dbs[0].open(manager)

    def past(self, c, k, h):
        tids = self.tids["one"]
        tid = tids[k % len(tids)]
        oid = self.object(c, h)._p_oid
        if oid is None or self.object(c, h)._p_jar.db().database_name != "one":
            return None
        manager = transaction.TransactionManager()
        connection = self.dbs[0].open(manager, at=tid)
        try:
            found = connection.get(oid)
            found._p_activate()
            result = self.told(c, found)
            found._p_changed = True
            try:
                manager.commit()
            except Exception as error:
                return [result, type(error).__name__]
            return [result, "committed"]
        finally:
            manager.abort()
            connection.close()

    def undo(self, k):
        log = self.dbs[0].undoLog(0, 100)
        if log:
            manager = transaction.TransactionManager()
            self.dbs[0].undo(log[k % len(log)]["id"], manager.get())
            try:
                manager.commit()
            finally:
                manager.abort()

    def pack(self):
        self.dbs[0].pack()

    def copy(self, c, h, to):
        self.abort(c)  # Python's exports have what is written at savepoints, ours only what is committed
        found = self.object(c, h)
        if found._p_oid is None or found._p_jar is not self.connections[c]:
            return
        self.files += 1
        name = f"{self.path}-{self.files}.zexp"
        self.connections[c].exportFile(found._p_oid, name).close()
        try:
            made = self.connections[c].importFile(name)
        except Exception as error:
            self.abort(c)
            raise KeyError from error
        if made is None:
            self.abort(c)
            raise KeyError  # what can't be loaded is left out there, be it all
        self.held[c][to] = made
        try:
            # Aborted, it would be a ghost of nothing; ours is a new object then.
            self.fresh[c].add(to)
            self.connections[c].root()[f"h{to}"] = made
            self.commit(c, "")
        except Exception:
            self.held[c].pop(to, None)
            raise

    def old(self, c, h):
        found = self.object(c, h)
        if found._p_oid is not None and h not in self.fresh[c]:
            try:
                found._p_jar.oldstate(found, found._p_serial)
            except Exception:
                pass  # Python finds none after a savepoint, and stumbles over records that are un-created

    # What is seen

    def told(self, c, found):
        def tell(value):
            if isinstance(value, persistent.Persistent):
                if value._p_oid is None:
                    return ["new", *[h for h, mine in self.held[c].items() if mine is value]]
                return ["@", value._p_jar.db().database_name, u64(value._p_oid), type(value).__name__]
            if isinstance(value, persistent.wref.WeakRef):
                return ["weak", u64(value.oid) if isinstance(value.oid, bytes) else None]
            if isinstance(value, (list, tuple)):
                return [type(value).__name__, *map(tell, value)]
            if isinstance(value, dict):
                return ["dict", *([tell(key), tell(item)] for key, item in value.items())]
            if isinstance(value, set):
                return ["set", *sorted(map(tell, value), key=str)]
            if isinstance(value, Point):
                return ["point", tell(value.x)]
            return value

        if isinstance(found, (Thing, persistent.mapping.PersistentMapping, persistent.list.PersistentList)):
            return tell({key: item for key, item in found.__dict__.items() if not key.startswith("_v_")})
        if isinstance(found, BTrees.Length.Length):
            return found()
        if isinstance(found, ZODB.blob.Blob):
            with found.open() as file:
                return file.read().decode()
        found._check()
        for item in found.values():
            if isinstance(item, persistent.Persistent):
                item._p_activate()  # as ours do, which are asked for all items at once
        return [[tell(key), tell(item)] for key, item in found.items()]

    def ordinal(self, name, serial):
        tids = self.tids[name]
        return 0 if serial == z64 else tids.index(serial) + 1 if serial in tids else -1

    def seen(self):
        for db in self.dbs:
            tids, last = self.tids[db.database_name], db.lastTransaction()
            if not tids or tids[-1] != last:
                tids.append(last)
        result = [len(tids) for tids in self.tids.values()]
        for held in self.held:
            shown = []
            for h, found in sorted(held.items()):
                jar = found._p_jar
                oid = found._p_oid
                # A blob is made a ghost by Python wherever it was stored; what small caches keep is not the same.
                hidden = type(found) is ZODB.blob.Blob or self.small and not found._p_changed
                shown.append([
                    h, *(("?", "?") if hidden else (found._p_state, found._p_changed)), None if oid is None else u64(oid),
                    jar and jar.db().database_name,
                    # A ghost has that of its last load, in Python also where it was committed as a ghost.
                    0 if found._p_state < 0 or hidden else self.ordinal(jar.db().database_name, found._p_serial) if jar else found._p_serial != z64 and -2 or 0,
                ])
            result.append(shown)
        return result

    def step(self, name, *args):
        try:
            result = getattr(self, name)(*args)
        except Absent:
            result = "absent"
        except Exception as error:
            result = "! " + ("POSKeyError" if type(error) is KeyError else type(error).__name__)
            if os.environ.get("ZEO_OBJECT_TRACE"):
                import traceback
                traceback.print_exc()
        return [result, self.seen()]

    def close(self):
        for connection in self.connections:
            if connection.transaction_manager:
                connection.transaction_manager.abort()
        result = [[[entry["description"], entry["user_name"]] for entry in db.undoLog(0, 1000)] for db in self.dbs]
        result.append([len(db.storage) for db in self.dbs])
        for db in self.dbs:
            db.close()
        return result


def run(folder, histories):
    """Carries out histories; returns what was seen after each step, and at the end."""
    logging.disable(logging.CRITICAL)  # objects that can't be loaded, as expected
    results = []
    for number, setup in enumerate(histories):
        side = Side(os.path.join(folder, str(number)), setup)
        before = side.seen()
        seen = [side.step(*step) for step in setup["steps"]]
        results.append([before, seen, side.close()])
    return results


class Plain:
    """An instance of any class, as what its pickle says of it."""

    def __new__(cls, *args):
        self = super().__new__(cls)
        self.args, self.items, self.state = args, [], None
        return self

    def __init__(self, *args):
        pass

    def __setstate__(self, state):
        self.state = state


class Records(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("builtins", "set"):
            return set
        return type(name, (Plain,), {"__module__": module})

    def persistent_load(self, pid):
        return Reference(pid)


class Reference:
    def __init__(self, pid):
        self.pid = pid


def normal(data, oids):
    """What a record says, with numbers for the things that occur in it, so that what is shared shows."""
    numbers = {}

    def tell(value):
        if isinstance(value, type):
            return f"{value.__module__}.{value.__name__}"
        if isinstance(value, (list, tuple, dict, set, Plain)) and value not in ((), []):
            if id(value) in numbers:
                return f"#{numbers[id(value)]}"
            numbers[id(value)] = len(numbers)
        if isinstance(value, Reference):
            return ["reference", told_id(value.pid)]
        if isinstance(value, Plain):
            return [tell(type(value)), tell(value.args), tell(value.state)]
        if isinstance(value, dict):
            return ["dict", *([tell(key), tell(item)] for key, item in value.items())]
        if isinstance(value, set):
            return ["set", *sorted(map(repr, value))]
        if isinstance(value, (list, tuple)):
            return [type(value).__name__, *map(tell, value)]
        return repr(value)

    def told_id(part):
        if isinstance(part, bytes):
            return oids.setdefault(u64(part), len(oids))
        if isinstance(part, list) and part[0] in ("m", "n"):
            return [part[0], part[1][0], *map(tell, part[1][2:])]  # ids of the other database are not known here
        if isinstance(part, (list, tuple)):
            return list(map(told_id, part))
        return tell(part)

    reader = Records(io.BytesIO(data))
    described = reader.load()
    state = reader.load()
    return repr([tell(described), tell(state)])


def records(path):
    """Transactions of a file, each with its records: oid, and data, or where it goes back to."""
    storage = ZODB.FileStorage.FileStorage(path, read_only=True)
    oids = {}
    try:
        return [
            # One that was told unchanged, and changed again, is there twice.
            list({
                oids.setdefault(u64(record.oid), len(oids)): record.data and normal(record.data, oids)
                for record in transaction_
            }.items())
            for transaction_ in storage.iterator()
        ]
    finally:
        storage.close()


def compare(pairs):
    """The first transaction whose records differ in two files; pairs with a number in front."""
    wrong = []
    for number, one, two in pairs:
        ours, theirs = records(one), records(two)
        for i, (a, b) in enumerate(zip(ours, theirs)):
            if a != b:
                wrong.append([number, i, *(repr([x for x in one if x not in other] or one) for one, other in ((a, b), (b, a)))])
                break
        else:
            if len(ours) != len(theirs):
                wrong.append([number, "transactions", len(ours), len(theirs)])
    return wrong
