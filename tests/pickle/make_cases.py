"""Writes tests/fixtures/pickle_cases.json: pickles made by Python, and what they mean.

Run with a Python that has ZODB, BTrees and zodbpickle:

    python tests/pickle/make_cases.py

Values are described in JSON, as `describe` in inert.py does.
"""

import collections
import datetime
import decimal
import fractions
import io
import json
import os
import pickle
import struct
import uuid

import BTrees
import persistent
import transaction
import ZODB
from BTrees.Length import Length
from persistent.list import PersistentList
from persistent.mapping import PersistentMapping
from persistent.wref import WeakRef
from ZODB.MappingStorage import MappingStorage
from ZODB.serialize import referencesf
from zodbpickle import pickle as zodb_pickle

from inert import Inert, Name, describe, inert


def fast(value):
    file = io.BytesIO()
    pickler = zodb_pickle.Pickler(file, 3)
    pickler.fast = True
    pickler.dump(value)
    return file.getvalue()


# --- values --------------------------------------------------------------------------------------------------

class Slots:
    __slots__ = ("one", "two")

    def __init__(self):
        self.one, self.two = 1, "2"


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class NewArguments(tuple):
    def __new__(cls, *args, **keywords):
        return tuple.__new__(cls, args)

    def __getnewargs_ex__(self):
        return tuple(self), {"named": 1}


class ListKind(list):
    pass


class DictKind(dict):
    pass


class Reduced:
    def __reduce__(self):
        return Plain, (), {"a": 1}, iter([1, 2]), iter([("k", "v")])

    def extend(self, items):
        pass


def own_list():
    value = []
    value.append(value)
    return value


def own_tuple(*rest):
    value = ([],) + rest
    value[0].append(value)
    return value


def own_instance():
    value = Plain()
    value.me = [value]
    return value


def shared():
    part = {"deep": [1]}
    return [part, part, (part, part["deep"])]


integers = [0, 1, 127, 128, 255, 256, 65535, 65536, -1, -128, -129, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1,
            2**32 - 1, 2**32, 2**39, 2**40 - 1, 2**47 - 1, 2**47, -(2**47), -(2**47) - 1, 2**48 - 1, 2**48, 2**53 - 1,
            -(2**53) + 1, 2**53, 2**53 + 1, -(2**53), 2**55, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**71,
            139753519285584, 10**30, -(10**30), 2**2040 - 1, 2**2050, -(2**2050), -(2**2039), -(2**2039) - 1]
floats = [0.0, -0.0, 1.0, 1.5, -2.25, 1e300, 1e-300, 5e-324, float("inf"), float("-inf"), 1795332125.25, 2.0**53]
strings = ["", "a", ".reply", "x" * 255, "x" * 256, "é", "日本語", "🐍", "a\nb\\c", "\ud800", "a\udcffb", "\x00",
           "\ufeffbom", "'\"", "é" * 40, "\U0010ffff" * 20, "\ud800" * 40, "line\\u0041"]
byte_strings = [b"", b"\x00", bytes(range(256)), b"x" * 255, b"x" * 256, b"x" * 1000]

# name, value, and whether a pickle with a memo is the same byte for byte when identity of strings isn't known
VALUES = (
    [("none", None, True), ("true", True, True), ("false", False, True)]
    + [(f"int {value if abs(value) < 2**70 else 'of %d bits' % value.bit_length()}", value, True) for value in integers]
    + [(f"float {value}", value, True) for value in floats]
    + [(f"str {ascii(value[:12])} of {len(value)}", value, True) for value in strings]
    + [(f"bytes of {len(value)}", value, True) for value in byte_strings]
    + [
        ("empty tuple", (), True), ("empty list", [], True), ("empty dict", {}, True),
        ("tuple 1", (1,), True), ("tuple 2", (1, 2), True), ("tuple 3", (1, 2, 3), True),
        ("tuple 4", (1, 2, 3, 4), True), ("tuple in tuples", ((((),),),), True),
        ("list 1", [1], True), ("list 2", [1, "b"], True), ("lists", [[], [[]], [[1], [2, 3]]], True),
        ("dict 1", {"a": 1}, True), ("dict 2", {"a": 1, "b": [2]}, True),
        ("dict keys", {1: 1, "1": 2, b"1": 3, (1, "a"): 4, None: 5, 1.5: 6, 2**70: 7, (): 8}, True),
    ]
    + [(f"list of {n}", list(range(n)), True) for n in (999, 1000, 1001, 2001)]
    + [(f"dict of {n}", {i: None for i in range(n)}, True) for n in (999, 1000, 1001, 2000)]
    + [
        ("300 strings", [str(i) for i in range(300)], True),
        ("set", {1}, True), ("set 3", {1, 2, 3}, True), ("empty set", set(), True),
        ("frozenset", frozenset([1, 2]), True),
        ("bytearray", bytearray(b"ab\xff"), True), ("complex", 1 + 2.5j, True),
        ("date", datetime.date(2024, 3, 5), True),
        ("datetime", datetime.datetime(2024, 3, 5, 14, 7, 2, 500), True),
        ("utc", datetime.datetime(2024, 3, 5, tzinfo=datetime.timezone.utc), True),
        ("timedelta", datetime.timedelta(1, 2, 3), True),
        ("decimal", decimal.Decimal("1.50"), True), ("fraction", fractions.Fraction(1, 3), True),
        ("uuid", uuid.UUID(int=7), False),
        ("ordered dict", collections.OrderedDict(a=1, b=2), True),
        ("ordered dict 1", collections.OrderedDict(a=1), True),
        ("default dict", collections.defaultdict(list, {"a": [1]}), True),
        ("deque", collections.deque([1, 2], 5), True),
        ("class", collections.OrderedDict, True), ("classes", [Plain, Slots, Plain], True),
        ("function", len, True),
        ("plain instance", Plain(), True), ("instance", Plain(a=1, b="two"), True), ("slots", Slots(), True),
        ("list kind", ListKind([1, 2, 3]), True), ("list kind 1", ListKind([1]), True),
        ("list kind 1001", ListKind(range(1001)), True),
        ("dict kind", DictKind(a=1), True), ("dict kind 1001", DictKind((i, 0) for i in range(1001)), True),
        ("reduced", Reduced(), True), ("exception", ValueError("x", 1), True),
    ]
)

SHARING = [
    ("list in itself", own_list()), ("tuple in itself", own_tuple()), ("tuple of 4 in itself", own_tuple(1, 2, 3)),
    ("instance in itself", own_instance()), ("shared parts", shared()), ("shared tuple", [(1,)] * 3),
    ("300 shared", [[i] for i in range(300)] * 2),
]


def readings(value, protocols):
    """Pickles of a value; what one means is left out when it is what the one before it means."""
    last = readings
    for protocol in protocols:
        try:
            data = pickle.dumps(value, protocol)
        except (pickle.PicklingError, UnicodeEncodeError, TypeError):
            continue
        meaning = inert(data)
        yield {"hex": data.hex()} if meaning == last else {"hex": data.hex(), "value": meaning}
        last = meaning


def value_cases():
    for name, value, same in VALUES:
        large = isinstance(value, (list, dict)) and len(value) > 900
        yield {"name": name, "pickles": [*readings(value, (2, 4) if large else range(6))], "fast": fast(value).hex(),
               "memo": zodb_pickle.dumps(value, 3).hex() if same else None}
    for name, value in SHARING:
        yield {"name": name, "pickles": [*readings(value, range(6))], "fast": None,
               "memo": zodb_pickle.dumps(value, 3).hex()}
    yield {"name": "keyword arguments", "fast": None, "memo": None,
           "pickles": [*readings(NewArguments(1, 2), (2, 4, 5))]}


# Written by hand: forms that no pickler of today writes.
BY_HAND = [
    ("python 2 str", b"U\x03abc."), ("python 2 long str", b"T\x03\0\0\0abc."), ("python 2 text str", b"S'a\\x41\\'\\n\\q\\101'\n."),
    ("double quotes", b'S"it\'s"\n.'), ("unicode line", b"Va\\u0041\\x41\\\\u0041\xe9\\U0001f40d\n."),
    ("booleans", b"(I01\nI00\nI1\nI-5\nt."), ("longs", b"(L5\nL-99999999999999999999L\nt."),
    ("floats", b"(F1.5\nF2\nF-1e300\nFnan\nFinf\nF-inf\nt."), ("marks", b"((t(lt."), ("dict", b"(S'a'\nI1\nd."),
    ("dict twice the same key", b"}(K\x01K\x02K\x03K\x04K\x01K\x05u."),
    ("pop", b"NK\x010."), ("pop mark", b"N(K\x01K\x021."), ("pop a mark", b"N(0."), ("dup", b"]2\x86."),
    ("text memo", b"(lp5\ng5\na."), ("far memo", b"]r\xff\xff\xff\x7f(j\xff\xff\xff\x7fNe."), ("memo from 1", b"](q\x01q\x02K\x01q\x03h\x03e."[:1] + b"q\x01h\x01a."),
    ("inst", b"(S'x'\nicopy\nThing\n."), ("obj", b"(ccopy\nThing\nK\x01K\x02o."), ("obj without arguments", b"(ccopy\nThing\no}U\x01aK\x01sb."),
    ("reconstructor", b"ccopy_reg\n_reconstructor\n(c__main__\nOld\nc__builtin__\nobject\nNtR(dS'a'\nI1\nsb."),
    ("renamed names", b"(c__builtin__\nset\nc__builtin__\nunicode\ncexceptions\nStandardError\ncexceptions\nKeyError\ncUserDict\nUserDict\ncUserDict\nIterableUserDict\ncnot\nrenamed\nt."),
    ("names in protocol 3 are what they are", b"\x80\x03c__builtin__\nset\n."),
    ("long forms", b"\x80\x05\x8d\x01\0\0\0\0\0\0\0a\x8e\x01\0\0\0\0\0\0\0b\x86."),
    ("bytes by name", b"c_codecs\nencode\nX\x02\0\0\0a\xffX\x06\0\0\0latin1\x86R.".replace(b"\xff", b"b")),
    ("long 4", b"\x8b\x02\0\0\0\x00\x80."), ("long 0", b"\x8a\x00."), ("long with spare bytes", b"\x8a\x08\x01\0\0\0\0\0\0\0."),
    ("os.system", b"cos\nsystem\n(S'rm -rf /'\ntR."), ("eval", b"c__builtin__\neval\n(S'1'\ntR."),
    ("call of a call", b"cbuiltins\ngetattr\n(cos\npath\nX\x04\0\0\0jointR)R."),
]


def hand_cases():
    for name, data in BY_HAND:
        yield {"name": name, "pickles": [{"hex": data.hex(), "value": inert(data)}], "fast": None, "memo": None}


# --- records -------------------------------------------------------------------------------------------------

class Item(persistent.Persistent):
    pass


class SlotItem(persistent.Persistent):
    __slots__ = ("title",)


class NewArgs(persistent.Persistent):
    def __new__(cls, *args):
        return persistent.Persistent.__new__(cls)

    def __getnewargs__(self):
        return ("new", 1)


FAMILIES = "OO OI OL OU OQ IO II IF IU UO UI UU UF LO LL LF LQ QO QL QQ QF".split()


def record_cases():
    databases = {}
    main = ZODB.DB(MappingStorage("main"), databases=databases, database_name="main")
    other = ZODB.DB(MappingStorage("other"), databases=databases, database_name="other")
    connection = main.open()
    root, foreign = connection.root(), connection.get_connection("other").root()
    root["list"] = PersistentList([1, "two", root])
    root["length"] = Length(7)
    item = root["item"] = Item()
    item.self, item.same, item.text, item.values = item, [root, root], "é", {1, 2.0}
    item.when, item.price = datetime.datetime(2024, 3, 5), decimal.Decimal("9.99")
    item.plain, item.slots = Plain(inner=item), Slots()
    item.weak = WeakRef(root["list"])
    root["empty"] = Item()
    slots = root["slots"] = SlotItem()
    slots.title = "t"
    item.new = NewArgs()
    foreign["far"], foreign["new"] = Item(), NewArgs()
    transaction.commit()
    item.far, item.far_new, item.far_weak = foreign["far"], foreign["new"], WeakRef(foreign["far"])
    for family in FAMILIES:
        module = getattr(BTrees, family + "BTree")
        for size in (0, 3, 125 if family in ("II", "OO") else 40):
            tree, keys = getattr(module, family + "BTree")(), getattr(module, family + "TreeSet")()
            for i in range(size):
                key = f"k{i:03}" if family[0] == "O" else i
                tree[key] = {"O": [i], "F": i + 0.5}.get(family[1], i)
                keys.add(key)
            root[f"{family} tree {size}"], root[f"{family} keys {size}"] = tree, keys
    references = root["references"] = BTrees.OOBTree.OOBTree()
    for i in range(40):
        references[f"k{i:02}"] = Item()
    transaction.commit()
    for storage in (main.storage, other.storage):
        for entry in storage.iterator():
            for record in entry:
                yield record_case(record.data)
    connection.close()
    main.close()
    other.close()


def record_case(data):
    file = io.BytesIO(data)
    unpickler, seen = Inert(file), {}
    first, second = unpickler.load(), unpickler.load()
    cls = describe(first, seen)
    name = first
    if isinstance(name, tuple):
        name = name[0]
    name = [name.module, name.name] if isinstance(name, Name) else list(name)
    return {"name": ".".join(name), "hex": data.hex(), "class": cls, "state": describe(second, seen),
            "className": name, "references": [oid.hex() for oid in followed(data)]}


def followed(data):
    """The references that pack follows: by the rules, and by ZODB where that can read the record."""
    unpickler = Inert(io.BytesIO(data), encoding="latin1")
    unpickler.pids = []
    unpickler.load(), unpickler.load()
    found = [pid[0] if isinstance(pid, tuple) else pid for pid in unpickler.pids if not isinstance(pid, list)]
    found = [pid.encode("latin1") if isinstance(pid, str) else pid for pid in found]
    try:
        theirs = referencesf(data)
    except Exception as error:
        print("ZODB can't:", repr(error)[:60], data[:60])
    else:
        assert found == [pid.encode("latin1") if isinstance(pid, str) else pid for pid in theirs], data
    return found


def oid(number):
    return b"C\x08" + struct.pack(">Q", number)


HEAD, CLASS = b"\x80\x03ca.b\nC\n.", b"cm\nc\n"
RECORDS_BY_HAND = [
    HEAD + b"\x80\x03" + oid(1) + b"Q.", HEAD + b"\x80\x03" + oid(1) + CLASS + b"\x86Q.",
    HEAD + b"(U\x08" + b"\0" * 7 + b"\x01" + CLASS + b"tQ.", HEAD + b"U\x08" + b"\0" * 7 + b"\x7fQ.",
    HEAD + b"\x80\x03](X\x01\0\0\0w" + oid(1) + b"\x85eQ.", HEAD + b"\x80\x03]" + oid(1) + b"aQ.",
    HEAD + b"\x80\x03](X\x01\0\0\0w" + oid(1) + b"X\x01\0\0\0d\x86eQ.",
    HEAD + b"\x80\x03](X\x01\0\0\0n" + b"X\x01\0\0\0d" + oid(1) + b"\x86eQ.",
    HEAD + b"\x80\x03](X\x01\0\0\0m" + b"X\x01\0\0\0d" + oid(1) + CLASS + b"\x87eQ.",
    HEAD + b"\x80\x03" + oid(1) + b"X\x01\0\0\0mX\x01\0\0\0c\x86\x86Q.",
    HEAD + b"\x80\x03(" + oid(2**64 - 1) + b"q\x05Q](h\x05" + b"h\x05QNe" + oid(3) + b"N\x86QNt.",
    HEAD + b"\x80\x03S'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x09'\nQ.",
    HEAD + b"\x80\x03" + b"B\x08\0\0\0" + struct.pack(">Q", 5) + b"Q.",
    HEAD + b"\x80\x03" + oid(1) + b"Q0" + oid(2) + b"Q.", HEAD + b"\x80\x03" + oid(1) + b"2Q\x86.",
    # the class part refers to an object; class forms
    b"\x80\x03ca.b\nC\n" + oid(8) + b"Q\x85\x86.\x80\x03" + oid(9) + b"Q.",
    b"\x80\x03cZODB.blob\nBlob\nq\x00.\x80\x03N.",
    b"\x80\x03(ca.b\nC\nq\x01Nt.\x80\x03h\x01.", b"\x80\x03X\x03\0\0\0a.bX\x01\0\0\0C\x86N\x86.\x80\x03N.",
    b"\x80\x03X\x03\0\0\0a.bX\x01\0\0\0C\x86)\x86.\x80\x03N.",
    b"((U\x03a.bU\x01Ct(K\x01tt.}U\x01aU\x08" + b"\0" * 7 + b"\x02Qs.",
    # Python 2, protocol 1
    b"ca.b\nC\nq\x01.}q\x02(U\x05titleq\x03U\x03abcq\x04U\x05otherq\x05(U\x08" + b"\0" * 7 + b"\x07q\x06cm\nc\nq\x07tq\x08Qu.",
]


def hand_records():
    for data in RECORDS_BY_HAND:
        yield record_case(data)
    for protocol in (4, 5):
        for state in ({"a": [1, "two", {3}], "b": b"x" * 300}, None):
            yield record_case(pickle.dumps(collections.OrderedDict, protocol) + pickle.dumps(state, protocol))


def main():
    cases = {"values": [*value_cases(), *hand_cases()], "records": [*record_cases(), *hand_records()]}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "pickle_cases.json")
    seen, records = set(), []
    for record in cases["records"]:
        if record["hex"] not in seen:
            seen.add(record["hex"])
            records.append(record)
    cases["records"] = records
    with open(path, "w") as file:
        file.write('{"values": [\n' + ",\n".join(map(json.dumps, cases["values"])))
        file.write('\n], "records": [\n' + ",\n".join(map(json.dumps, cases["records"])) + "\n]}\n")
    print(len(cases["values"]), "values,", len(records), "records,", os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
