"""The Python side of btrees_test.ts: BTrees that are changed by both."""

import importlib
import sys
import types

import BTrees.check
import transaction
import ZODB
import ZODB.FileStorage
import ZODB.serialize

KINDS = ("BTree", "TreeSet", "Bucket", "Set")

small = types.ModuleType("small_trees")
sys.modules["small_trees"] = small


def tree_class(family, kind, is_small=False):
    known = getattr(importlib.import_module(f"BTrees.{family}BTree"), family + kind)
    if not is_small:
        return known
    name = f"Small{family}{kind}"
    if not hasattr(small, name):
        sizes = {"max_leaf_size": 4, "max_internal_size": 4, "__module__": "small_trees"}
        setattr(small, name, type(name, (known,), sizes))
    return getattr(small, name)


for _family in "OO IO II fs".split():
    for _kind in ("BTree", "TreeSet"):
        tree_class(_family, _kind, True)


def decode(value):
    if isinstance(value, dict):
        [(kind, content)] = value.items()
        if kind == "i":
            return int(content)
        if kind == "f":
            return float(content)
        if kind == "b":
            return bytes.fromhex(content)
        items = [decode(item) for item in content]
        return tuple(items) if kind == "t" else items
    return value


def encode(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        return {"f": repr(value)}
    if isinstance(value, bytes):
        return {"b": value.hex()}
    return {"t" if isinstance(value, tuple) else "l": [encode(item) for item in value]}


def database(path=None, address=None):
    if address is not None:
        import ZEO

        return ZEO.DB(tuple(address) if isinstance(address, list) else address)
    return ZODB.DB(ZODB.FileStorage.FileStorage(path))


def create(path, trees):
    """Makes an empty tree for each [name, family, kind, small]."""
    db = database(path)
    with db.transaction() as connection:
        for name, family, kind, is_small in trees:
            connection.root()[name] = tree_class(family, kind, is_small)()
    db.close()


def step(tree, operation):
    name, *args = operation
    args = [decode(arg) for arg in args]
    is_map = hasattr(tree, "items")
    try:
        if name == "set":
            return tree.__setitem__(*args) if is_map else tree.insert(args[0]) == 1
        if name == "insert":
            return tree.insert(*args[: 2 if is_map else 1]) == 1
        if name == "setdefault":
            return encode(tree.setdefault(*args))
        if name == "delete":
            if is_map:
                del tree[args[0]]
            else:
                tree.remove(args[0])
            return True
        if name == "pop":
            return encode(tree.pop(*args))
        if name == "popItem":
            return encode(tree.popitem() if is_map else tree.pop())
        if name == "get":
            return encode(tree.get(*args))
        if name == "has":
            return args[0] in tree
        if name in ("minKey", "maxKey"):
            return encode(getattr(tree, name)(*args))
        if name == "keys":
            low, high, exclude_low, exclude_high = args
            bounds = {k: v for k, v in (("min", low), ("max", high)) if v is not None}
            return encode(list(tree.keys(excludemin=exclude_low, excludemax=exclude_high, **bounds)))
        if name == "items":
            return encode(list(tree.items() if is_map else tree.keys()))
        if name == "size":
            return len(tree)
        if name == "clear":
            return tree.clear()
    except KeyError:
        return False if name == "delete" else None
    except ValueError:
        return None
    raise AssertionError(name)


def run(path, scripts):
    """Runs scripts of transactions of operations on trees; returns what each operation returned."""
    db = database(path)
    connection = db.open()
    results = []
    for name, transactions in scripts:
        tree = connection.root()[name]
        for operations in transactions:
            results.append([step(tree, operation) for operation in operations])
            transaction.commit()
    connection.close()
    db.close()
    return results


def records(path):
    """The records of each transaction but the first, in order."""
    storage = ZODB.FileStorage.FileStorage(path, read_only=True)
    try:
        return [[f"{r.oid.hex()} {r.data.hex()}" for r in t] for t in storage.iterator()][1:]
    finally:
        storage.close()


def check(path=None, address=None):
    """What is wrong with the trees in the root."""
    db = database(path, address)
    wrong = []
    with db.transaction() as connection:
        for name, tree in connection.root().items():
            try:
                if hasattr(tree, "_check"):
                    tree._check()
                if type(tree).__module__.startswith("BTrees."):
                    BTrees.check.check(tree)
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
    db.close()
    return wrong


def change(address, name, family, start, stop, stride, remove=False):
    """Sets, or removes, many keys of a tree, some at a time; returns how many there are, and the sum of all values."""
    db = database(address=address)
    with db.transaction() as connection:
        if name not in connection.root():
            connection.root()[name] = tree_class(family, "BTree")()
    keys = list(range(start, stop, stride))
    for at in range(0, len(keys), 10_000):
        with db.transaction() as connection:
            tree = connection.root()[name]
            for key in keys[at : at + 10_000]:
                if remove:
                    del tree[key]
                else:
                    tree[key] = 2 * key
    with db.transaction() as connection:
        tree = connection.root()[name]
        tree._check()
        BTrees.check.check(tree)
        found = [len(tree), sum(tree.values())]
    db.close()
    return found


def operate(family, name, operands, weights=None):
    """A set operation on [kind, keys or items]s; returns what it returns, and of which kind it is."""
    module = importlib.import_module(f"BTrees.{family}BTree")

    def make(operand):
        if operand is None:
            return None
        kind, content = operand
        return tree_class(family, kind)([decode(item) for item in content])

    made = [make(operand) for operand in operands]
    function = getattr(module, name)
    result = function(made) if name == "multiunion" else function(*made, *map(decode, weights or []))
    weight = None
    if isinstance(result, tuple):
        weight, result = result
    if result is None:
        return [None, encode(weight)]
    content = list(result.items() if hasattr(result, "items") else result)
    return [type(result).__name__, encode(content), encode(weight)]


def by_value(family, items, least):
    return encode(tree_class(family, "BTree")([decode(item) for item in items]).byValue(decode(least)))


def put(address, count):
    """Puts keys into the map and the set, as TypeScript does at the same time."""
    db = database(address=address)
    connection = db.open()
    for at in range(0, count, 3):
        for attempt in transaction.manager.attempts(1000):
            with attempt:
                root = connection.root()
                for i in range(at, at + 3):
                    key = f"k{i * 7 % count:03}p"
                    root["map"][key] = i
                    root["set"].add(key)
    connection.close()
    db.close()
