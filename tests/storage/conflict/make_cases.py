#!/usr/bin/env python3
"""Has the original resolve random conflicts and records what becomes of them, in tests/fixtures/conflict_cases.json.

    pip install ZODB
    python tests/storage/conflict/make_cases.py [seed [candidates [file]]]

A case is three records (old, committed, new; in Base64) and the original's answer: the record that it made of them, or
null, and what it logged. Of the candidates, a few of each group and answer are kept. With candidates below 0 all of
that many are: CONFLICT_CASES=file deno test -A tests/storage/conflict compares with those instead.

"exact" says whether our bytes have to be the same: the original writes a str twice if it is two objects, and we once.
"""

import base64
import collections
import datetime
import decimal
import importlib
import io
import json
import logging
import math
import pathlib
import random
import sys
import uuid

import transaction
from BTrees.Length import Length
from BTrees.OOBTree import OOBTree, OOBucket, OOSet, OOTreeSet
from ZODB import DB
from ZODB._compat import PersistentUnpickler, Pickler, _protocol
from ZODB.ConflictResolution import ConflictResolvingStorage
from ZODB.DemoStorage import DemoStorage
from ZODB.MappingStorage import MappingStorage
from ZODB.POSException import ConflictError

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parent.parent / "fixtures" / "conflict_cases.json"
FAMILIES = "OO OI OU OL OQ IO II IF IU UO UI UU UF LO LL LF LQ QO QL QQ QF fs".split()
KEEP = {"merged": 10}  # of each group and answer; of the others 2, or 3
ORDINARY = ("Length", "malformed", "class forms")


class Storage(ConflictResolvingStorage):
    """No more of one than the original's resolution needs."""

    def __init__(self, records):
        self.records = records

    def loadSerial(self, oid, serial):
        return self.records[serial]

    _crs_untransform_record_data = _crs_transform_record_data = staticmethod(lambda data: data)


class LastMessage(logging.Handler):
    def emit(self, record):
        exception = record.exc_info and record.exc_info[1]
        self.text = f"{type(exception).__name__}: {exception}" if exception else record.getMessage()


last = LastMessage()
logger = logging.getLogger("ZODB.ConflictResolution")
logger.addHandler(last)
logger.setLevel(logging.DEBUG)
logger.propagate = False


class Reference:
    def __init__(self, pid):
        self.pid = pid


def persistent_id(value):
    return value.pid if isinstance(value, Reference) else None


def dump(class_description, state):
    out = io.BytesIO()
    pickler = Pickler(out, _protocol)
    pickler.persistent_id = persistent_id
    pickler.dump(class_description)
    pickler.dump(state)
    return out.getvalue()


def parts(record):
    unpickler = PersistentUnpickler(None, Reference, io.BytesIO(record))
    return unpickler.load(), unpickler.load()


def resolve(old, committed, new):
    last.text = ""
    try:
        storage = Storage({b"old.....": old, b"commit..": committed})
        return storage.tryToResolveConflict(bytes(8), b"commit..", b"old.....", new), None
    except Exception as error:  # of a class description that is none, even making the ConflictError fails
        text = last.text if isinstance(error, ConflictError) else f"{type(error).__name__}: {error}"
        at = text.find("BTrees conflict error")
        return None, text[at:] if at >= 0 else text.split(" at 0x")[0][:80]


def interned(value, known):
    if isinstance(value, str):
        return known.setdefault(value, value)
    if isinstance(value, tuple):
        same = known.setdefault(id(value), (value, tuple(interned(item, known) for item in value)))[1]
        return value if all(a is b for a, b in zip(value, same)) else same
    if isinstance(value, list):
        value[:] = [interned(item, known) for item in value]
    if isinstance(value, Reference):
        value.pid = interned(value.pid, known)
    return value


def is_exact(record):
    if any(name in record for name in (b"\nset\n", b"\nfrozenset\n", b"\nUUID\n")):
        return False
    description, state = parts(record)
    return dump(description, interned(state, {})) == record


def reference(number, form="class"):
    oid = bytes([0] * 7 + [number])
    return Reference({
        "class": (oid, OOBTree),
        "other class": (oid, OOBucket),
        "oid": oid,
        "weak": ["w", (oid,)],
        "weak elsewhere": ["w", (oid, "two")],
        "elsewhere": ["m", ("two", oid, OOBTree)],
        "elsewhere, oid": ["n", ("two", oid)],
        "old weak": [oid],
    }[form])


FORMS = ["class", "class", "class", "other class", "oid", "weak", "weak elsewhere", "elsewhere", "elsewhere, oid",
         "old weak"]


def whole(low, high):
    return lambda r: [low, low + 1, *range(max(low, -2), 5), high - 1, high]


KEYS = {
    "I": whole(-2**31, 2**31 - 1), "U": whole(0, 2**32 - 1), "L": whole(-2**63, 2**63 - 1), "Q": whole(0, 2**64 - 1),
    "f": lambda r: [b"\0\0", b"\0\1", b"\1\xff", b"\2\0", b"\x7f\0", b"\x80\0", b"ab", b"\xff\xff"],
}
VALUES = {
    "I": [0, 1, 2, -2**31, 2**31 - 1, True], "U": [0, 1, 2**32 - 1], "L": [0, 1, -2**63, 2**63 - 1],
    "Q": [0, 1, 2**64 - 1], "F": [0.0, 1.5, 0.1, 1, True, -0.0, 16777217, 1e300, 0.10000000149011612],
    "s": [b"abcdef", b"abcdeg", b"\0\0\0\0\0\0"],
}


def object_keys(kind):
    return {
        "str": ["", "a", "ab", "abc", "b", "\x7f", "\x80", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0001f600",
                "\U0001f600a", "\U0001f601"],
        "number": [-math.inf, -2**70, -1.5, -1, 0, 0.5, True, 2, 2**53, float(2**53 + 2), 2**53 + 3, 2.0**70, 2**70 + 1,
                   math.inf],
        "none and str": [None, "a", "b", "c", "d"],
        "bytes": [b"", b"aa", b"ab", b"ab\0", b"b\xff", b"\x80\0"],
        "tuple": [(), ("a",), ("a", 1), ("a", 1.5), ("a", 2, None), ("a", 2, None, 1), ("b",), ("b", (1, "x")),
                  ("b", (1, "y"))],
        "mixed": [None, 1, "a", 2, "b", b"ab", (1,), ("a",)],
        "mixed tuple": [(1, 1), (1, "a"), (2, None), (None, 2), ("a", 1), ("a", "a")],
        "date": [datetime.date(1, 1, 1), datetime.date(1999, 12, 31), datetime.date(2000, 1, 1),
                 datetime.date(2000, 1, 2)],
        "time": [datetime.datetime(2000, 1, 1), datetime.datetime(2000, 1, 1, 0, 0, 0, 1),
                 datetime.datetime(2000, 1, 1, 0, 1), datetime.datetime(2000, 2, 1), datetime.datetime(2001, 1, 1)],
        "uuid": [uuid.UUID(int=n) for n in (0, 1, 2**64, 2**127, 2**128 - 1)],
        "reference": [reference(n, form) for n, form in ((1, "class"), (2, "class"), (3, "oid"), (4, "weak"),
                                                          (5, "elsewhere"))],
        "list": [[], [1], [1, 2], [2]],
        "dict": [{}, {"a": 1}],
        "class": [OOBTree, OOSet],
        "not a number": [math.nan, 1.0, 2.0, 3.0],
    }[kind]


ORDERABLE = ["str", "number", "none and str", "bytes", "tuple", "date", "time", "uuid"]
KEY_KINDS = ORDERABLE * 3 + ["mixed", "mixed tuple", "reference", "list", "dict", "class", "not a number"]


def object_values(r):
    kind = r.choice(["small", "small", "small", "text", "mixed", "references", "references", "structures", "dates"])
    if kind == "small":
        return kind, lambda: r.choice([1, 2, 3])
    if kind == "text":
        return kind, lambda: r.choice(["", "a", "text", "tëxt", b"text", "text" * 70])
    if kind == "mixed":
        return kind, lambda: r.choice([None, 1, 1.0, True, 0, "a", b"aa", 2**70, float(2**70), math.nan, 0.5])
    if kind == "references":
        number = r.choice([1, 2])
        return kind, lambda: reference(r.choice([1, number]), r.choice(FORMS[:3] if r.random() < 0.8 else FORMS))
    if kind == "structures":
        return kind, lambda: r.choice([
            (), (1, "a"), (1, "b"), (1.0, "a"), ("a", 1), (None,), (math.nan,), [], [1, [2]], [True, [2.0]], [1, ["2"]],
            {}, {"a": 1}, ({},), ({"a": 1, "b": 2},), ({"b": 2.0, "a": True},), ({1: 2},), ({True: 2},),
            (reference(1),), (reference(1, "oid"),), (reference(2),), [reference(3, "weak")], (OOBTree,), (OOSet,),
        ])
    return kind, lambda: r.choice([
        datetime.date(2000, 1, 1), datetime.date(2000, 1, 2), datetime.datetime(2000, 1, 1),
        datetime.datetime(2000, 1, 1, fold=1), datetime.datetime(2000, 1, 2), uuid.UUID(int=1), uuid.UUID(int=2),
        {1}, {1, 2}, {2.0, 1}, frozenset([1]), frozenset(), None,
    ])


def edited(r, items, keys, value, sets):
    """What one of two sides makes of the items, which are in the order of `keys`."""
    items = dict(items)
    for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3, 5])):
        at = r.randrange(len(keys))
        if at in items and (sets or r.random() < 0.5):
            del items[at]
        else:
            items[at] = None if sets else value()
    return items


def leaf_state(items, keys, sets, following):
    flat = []
    for at in sorted(items):
        flat.append(keys[at])
        if not sets:
            flat.append(items[at])
    return (tuple(flat),) if following is None else (tuple(flat), following)


def random_leaf(r):
    family = r.choice(FAMILIES)
    kind = r.choice(["Bucket", "Bucket", "Set", "BTree", "TreeSet"])
    cls = getattr(importlib.import_module(f"BTrees.{family}BTree"), family + kind)
    sets, tree = kind in ("Set", "TreeSet"), kind in ("BTree", "TreeSet")
    group = f"{family}{kind}"
    if family[0] == "O":
        key_kind = r.choice(KEY_KINDS)
        keys = object_keys(key_kind)
        group += f", {key_kind} keys"
    else:
        keys = KEYS[family[0]](r)
    if sets:
        value = None
    elif family[1] == "O":
        value_kind, value = object_values(r)
        group += f", {value_kind}"
    else:
        value = lambda: r.choice(VALUES[family[1]])
    if len(keys) > 4 and r.random() < 0.7:
        size = r.randint(3, 6)
        keys = [keys[at] for at in sorted(r.sample(range(len(keys)), min(size, len(keys))))]
    old = {at: None if sets else value() for at in range(len(keys)) if r.random() < 0.7}
    sides = [old, edited(r, old, keys, value, sets), edited(r, old, keys, value, sets)]
    if r.random() < 0.05:
        sides[2] = dict(sides[1])
    states = []
    following = r.choice([None, None, None, None, None, None, reference(9), Reference((bytes(8), cls))])
    for side in sides:
        own = reference(r.choice([8, 9]), r.choice(["class", "other class"])) if r.random() < 0.02 else following
        if tree:
            if r.random() < 0.01:
                states.append(((reference(1), 1, reference(2)), reference(1)))
            elif not side:
                states.append(None)
            else:
                states.append(((leaf_state(side, keys, sets, own),),))
        else:
            states.append(leaf_state(side, keys, sets, own))
    return group, tuple(dump(cls, state) for state in states)


def random_length(r):
    number = lambda: r.choice([0, 1, -1, 5, 255, 256, 65536, 2**31, 2**53, 2**53 + 1, 2**70, -2**70, 1.5, 2.0, 0.1, 0.2,
                               0.3, True, math.inf, "1", None, 10**400])
    number = number if r.random() < 0.5 else lambda: r.randint(-1000, 1000)
    return "Length", tuple(dump(Length, number()) for _ in range(3))


def malformed(r):
    good = [None, (((("a", 1),),),), (("a", 1),), (("a", 1, "b", 2),), (("a", "b"),)]
    bad = [5, "x", (), [], (None,), ((),), (((),),), ((1, 2, 3),), (["a", 1],), (("a", 1), 1, 2), (("a", 1, "b", 3),),
           (((("b", 1),),),), {}, (((("a", 1), reference(1)),),), (({},),)]
    cls = r.choice([OOBucket, OOBTree, OOSet, OOTreeSet])
    return "malformed", tuple(dump(cls, r.choice(good + bad if r.random() < 0.5 else good)) for _ in range(3))


def out_of_range(r):
    family = r.choice([name for name in FAMILIES if name[0] != "O"])
    cls = getattr(importlib.import_module(f"BTrees.{family}BTree"), family + "Bucket")
    ends = [-2**63 - 1, -2**63, -2**31 - 1, -2**31, -1, 0, True, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63,
            2**64 - 1, 2**64, 1.0, "1", None, b"ab"]
    if family[1] == "F":
        ends = [end for end in ends if not isinstance(end, int) or abs(end) < 2**53]
    key = r.choice(KEYS[family[0]](r) + [0, True])
    good = VALUES[family[1]] if family[1] in VALUES else [0, 1]
    key_is_bad, end = r.random() < 0.5, r.choice(ends)
    state = lambda: ((end if key_is_bad else key, r.choice(good) if key_is_bad else end),)
    ordinary = lambda: ((end if key_is_bad else key, r.choice(good)),)
    return f"range {family}", (dump(cls, ordinary()), dump(cls, r.choice([state, ordinary])()), dump(cls, ordinary()))


def class_forms(r):
    cls, states = r.choice([
        (OOBucket, ((("a", 1),), (("a", 2),), (("a", 1, "b", 3),))),
        (OOTreeSet, (None, (((("a",),),),), (((("b",),),),))),
        (Length, (1, 5, 3)),
    ])
    module, name = cls.__module__, cls.__name__
    description = r.choice([
        cls, (cls, None), (cls, ()), ((module, name), None), ((module, name), ()), (cls,), [cls, ()], (module, name),
        ((module, "Missing"), ()), ((module,), ()), None, 5, ("x", None), dict,
        (cls, 7), ((module, name + "." + name), ()), ((module.replace(".", "._", 1), name), None),
    ])
    plain = lambda state: dump(r.choice([cls, OOBTree, ("other", None)]), state)
    return "class forms", (plain(states[0]), plain(states[1]), dump(description, states[2]))


def from_databases(r):
    """Two real transactions on the same tree, object by object."""
    family = r.choice(["OO", "IO", "II", "LO", "LL", "OI", "QQ", "fs"])
    kind = r.choice(["BTree", "TreeSet"])
    cls = getattr(importlib.import_module(f"BTrees.{family}BTree"), family + kind)
    key = {"O": lambda n: f"k{n:03}", "f": lambda n: n.to_bytes(2, "big")}.get(family[0], lambda n: n)
    value = {"s": lambda n: bytes([n % 7]) * 6}.get(family[1], lambda n: n % 7)
    count = r.choice([0, 1, 3, 10, 29, 30, 31, 40, 61, 70, 121])

    def change(tree, n):
        if kind == "TreeSet":
            tree.insert(key(n))
        else:
            tree[key(n)] = value(r.randrange(100))

    base = MappingStorage()
    database = DB(base)
    with database.transaction() as connection:
        connection.root()["tree"] = cls()
    with database.transaction() as connection:
        for n in range(count):
            change(connection.root()["tree"], 2 * n)
    stored = {oid: base.load(oid)[0] for oid in base._data}
    sides = []
    for _ in range(2):
        changes = MappingStorage()
        demo = DB(DemoStorage(base=base, changes=changes))
        with demo.transaction() as connection:
            tree = connection.root()["tree"]
            for _ in range(r.choice([1, 1, 2, 3, 8])):
                n = r.randrange(2 * count + 3)
                if r.random() < 0.4 and n % 2 == 0 and len(tree) and key(n) in tree:
                    tree.remove(key(n)) if kind == "TreeSet" else tree.__delitem__(key(n))
                else:
                    change(tree, n)
        sides.append({oid: changes.load(oid)[0] for oid in changes._data})
    for oid in sorted(stored.keys() & sides[0].keys() & sides[1].keys()):
        yield f"database {family}{kind}", (stored[oid], sides[0][oid], sides[1][oid])


def beyond():
    """Conflicts that the original resolves and we refuse, because the order is that of a class's own code."""
    bucket = lambda value, other=1: dump(OOBucket, (("a", value, "b", other),))
    utc = datetime.timezone.utc
    for name, value in (
        ("Decimal", decimal.Decimal("1.5")),
        ("timedelta", datetime.timedelta(1)),
        ("aware datetime", datetime.datetime(2000, 1, 1, tzinfo=utc)),
        ("bytearray", bytearray(b"ab")),
    ):
        yield name, (bucket(value), bucket(value), bucket(value, 2))
    floats = lambda value: dump(importlib.import_module("BTrees.IFBTree").IFBucket, ((1, value),))
    yield "NaN in a tree of floats", (floats(0.5), floats(math.nan), floats(0.5))
    yield "int beyond 2^53 in a tree of floats", (floats(0.5), floats(2**60), floats(0.5))
    yield "key without value", tuple(dump(OOBucket, (("a", 1, "b"),)) for _ in range(3))
    yield "next leaf that is no reference", tuple(dump(OOBucket, (("a", 1), 5)) for _ in range(3))
    yield "arguments that are no tuple", (
        bucket(1), bucket(1), dump((OOBucket, [1]), (("a", 2, "b", 1),)),
    )
    yield "class of three names", (bucket(1), bucket(1), dump((("BTrees.OOBTree", "OOBucket", 1), ()), (("a", 2, "b", 1),)))
    module = importlib.import_module("BTrees.OOBTree")
    yield "pure Python twin", tuple(dump(module.OOBucketPy, (("a", value),)) for value in (1, 1, 2))


def text(record):
    return base64.b64encode(record).decode()


def answer(group, records):
    result, why = resolve(*records)
    case = {"group": group, "records": [text(record) for record in records], "result": result and text(result)}
    if result is None:
        case["why"] = why
    else:
        case["exact"] = is_exact(result)
    return case


def candidates(r, count):
    makers = [random_leaf] * 30 + [random_length, malformed, out_of_range, class_forms]
    made = 0
    while made < count:
        if r.random() < 0.01:
            for case in from_databases(r):
                yield case
                made += 1
        else:
            yield r.choice(makers)(r)
            made += 1


def selected(cases):
    """A few of each class, of each kind of keys and values, and of each answer; all different, and not too long."""
    kept, seen, counts = [], set(), collections.Counter()
    for case in cases:
        reason = case["why"].rsplit(": ", 1)[-1][:24] if "why" in case else "merged"
        size = sum(map(len, case["records"]))
        identity = tuple(case["records"])
        name, *details = case["group"].split(", ")
        slots = [(name, reason)] + [(detail, reason) for detail in details]
        if identity in seen or size > (2400 if name.startswith("database") else 640):
            continue
        if all(counts[slot] >= KEEP.get(slot[1], 3 if slot[0] in ORDINARY else 2) for slot in slots):
            continue
        seen.add(identity)
        counts.update(slots)
        kept.append(case)
    return kept


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40_000
    output = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else OUTPUT
    random.seed(seed)
    made = [answer(*candidate) for candidate in candidates(random.Random(seed), abs(count))]
    cases = made if count < 0 else selected(made)
    refused = [answer(*case) for case in beyond()]
    assert all(case["result"] for case in refused), [case["group"] for case in refused if not case["result"]]
    lines = lambda items: ",\n".join(json.dumps(item, ensure_ascii=True, separators=(",", ":")) for item in items)
    classes = sorted(
        f"{module.__name__}.{name}"
        for prefix in FAMILIES
        for module in (importlib.import_module(f"BTrees.{mark}{prefix}BTree") for mark in ("", "_"))
        for name, value in vars(module).items()
        if isinstance(value, type) and hasattr(value, "_p_resolveConflict") and not name.endswith("Py")
    ) + ["BTrees.Length.Length"]
    output.write_text(
        f'{{"classes":{json.dumps(classes, separators=(",", ":"))},\n"cases":[\n{lines(cases)}\n],\n'
        f'"beyond":[\n{lines(refused)}\n]}}\n'
    )
    reasons = collections.Counter("merged" if case["result"] else case["why"].split(": ")[-1][:60] for case in cases)
    for reason, number in sorted(reasons.items()):
        print(f"{number:6} {reason}")
    print(len(cases), "cases,", output.stat().st_size, "bytes")


main()
