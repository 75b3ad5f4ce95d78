"""Records of many kinds, made from plain descriptions: the same description gives the same bytes."""

import io
import pickle
import sys
import types

from BTrees.IIBTree import IIBTree, IIBucket
from BTrees.Length import Length
from BTrees.OOBTree import OOBTree, OOBucket, OOSet
from persistent import Persistent
from persistent.mapping import PersistentMapping
from ZODB.blob import Blob
from ZODB.utils import p64

#: An application's classes, which no server can import.
models = types.ModuleType("application.models")
models.Thing = type("Thing", (Persistent,), {"__module__": "application.models"})
sys.modules["application"] = types.ModuleType("application")
sys.modules["application.models"] = models

KINDS = ["mapping", "length", "bucket", "set", "tree", "references", "thing", "arguments", "blob"]

#: Kinds whose conflicts a server may resolve.
MERGED = ["length", "bucket", "set", "tree", "references"]


class Reference:
    def __init__(self, number, form):
        self.number = number
        self.form = form


def persistent_id(value):
    if not isinstance(value, Reference):
        return None
    oid = p64(value.number)
    if value.form == "weak":
        return ["w", (oid,)]
    if value.form == "bare":
        return oid
    return oid, PersistentMapping


def pickled(*values):
    out = io.BytesIO()
    pickler = pickle.Pickler(out, 3)
    pickler.persistent_id = persistent_id
    for value in values:
        pickler.clear_memo()
        pickler.dump(value)
    return out.getvalue()


def state(made):
    return made.__getstate__()


def filled(made, payload):
    made.update(payload)
    return made


def record(kind, payload, references=()):
    """The bytes of an object of that kind; `references` are (object's number, form)."""
    refs = [Reference(number, form) for number, form in references]
    if kind == "mapping":
        return pickled(PersistentMapping, {"data": {"value": payload, "others": refs}})
    if kind == "length":
        return pickled(Length, payload)
    if kind == "bucket":
        return pickled(IIBucket, state(filled(IIBucket(), {int(key): value for key, value in payload.items()})))
    if kind == "set":
        return pickled(OOSet, state(filled(OOSet(), sorted(payload))))
    if kind == "tree":
        return pickled(IIBTree, state(filled(IIBTree(), {int(key): value for key, value in payload.items()})))
    if kind == "references":
        items = [part for key in sorted(payload) for part in (key, Reference(payload[key], "plain"))]
        return pickled(OOBucket, (tuple(items),))
    if kind == "thing":
        return pickled(models.Thing, {"value": payload, "others": refs})
    if kind == "arguments":
        return pickled((models.Thing, ("made", 1)), {"value": payload, "others": refs})
    if kind == "blob":
        return pickled(Blob, None)
    if kind == "junk":
        return bytes.fromhex(payload)
    raise ValueError(kind)


def first_payload(random, kind):
    if kind == "length":
        return random.randrange(10)
    if kind == "set":
        return sorted(random.sample("abcdefghij", random.randrange(6)))
    if kind in ("bucket", "tree"):
        return {str(key): random.randrange(4) for key in random.sample(range(12), random.randrange(8))}
    if kind == "references":
        return {key: random.randrange(4) for key in random.sample("abcdefgh", random.randrange(6))}
    if kind == "blob":
        return None
    return random.randrange(100)


def next_payload(random, kind, payload):
    """The payload after a small change, so that two changes of one state sometimes can be merged."""
    if kind == "length":
        return payload + random.choice([-2, -1, 0, 1, 1, 5, 10**random.randrange(1, 20)])
    if kind == "set":
        changed = set(payload)
        for key in random.sample("abcdefghij", random.choice([0, 1, 1, 2])):
            changed ^= {key}
        return sorted(changed)
    if kind in ("bucket", "tree", "references"):
        keys = "abcdefgh" if kind == "references" else [str(key) for key in range(12)]
        changed = dict(payload)
        for key in random.sample(keys, random.choice([0, 1, 1, 2])):
            if key in changed and random.random() < 0.5:
                del changed[key]
            else:
                changed[key] = random.randrange(4)
        return {} if random.random() < 0.05 else changed
    if kind == "blob":
        return None
    return random.choice([payload, payload + 1, random.randrange(100)])


def objects_of(kind):
    """The classes of the object layer that trees' histories use."""
    from BTrees.IIBTree import IITreeSet
    from BTrees.LOBTree import LOBTree
    from BTrees.OIBTree import OIBTree
    from BTrees.OOBTree import OOTreeSet

    classes = [OOBTree, IIBTree, LOBTree, OIBTree, OOTreeSet, IITreeSet, Length, PersistentMapping]
    return {made.__name__: made for made in classes}[kind]
