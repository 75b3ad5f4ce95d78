"""The Python side of objects_edges_test.ts: states at the edges of what records hold."""

import sys
import threading
import types
import warnings
from collections import Counter, OrderedDict, defaultdict, deque

import persistent
import ZODB
import ZODB.FileStorage

DEPTH = 10_000
edges = types.ModuleType("tests.edges")
sys.modules.setdefault("tests", types.ModuleType("tests"))
sys.modules["tests.edges"] = edges


class Thing(persistent.Persistent):
    __module__ = "tests.edges"


class Point:
    """Not persistent, and known to both sides."""

    __module__ = "tests.edges"

    def __init__(self, x):
        self.x = x




class Reduced:
    __module__ = "tests.edges"

    def __init__(self, *args):
        self.args, self.extra = args, [1]

    def __reduce__(self):
        return (Reduced, self.args, {"extra": self.extra})

    def __setstate__(self, state):
        self.extra = state["extra"]


class Sequence(list):
    """A list with attributes: items by APPENDS, the rest by BUILD."""

    __module__ = "tests.edges"


class Mapping(dict):
    __module__ = "tests.edges"


edges.Thing, edges.Point, edges.Reduced, edges.Sequence, edges.Mapping = Thing, Point, Reduced, Sequence, Mapping


def nested(depth, wrap):
    value = None
    for _ in range(depth):
        value = wrap(value)
    return value


def values():
    shared, pair = [1], (1, [2])
    cyclic = {"self": None, "list": []}
    cyclic["self"] = cyclic
    cyclic["list"].append(cyclic)
    knot = []
    knot.append((knot, knot))
    sequence = Sequence([1, [2]])
    sequence.name = "s"
    sequence.append(sequence)
    mapping = Mapping(a=shared)
    mapping.name = shared
    return {
        "shared": {"a": shared, "b": (shared, shared), "pairs": [pair, pair]},
        "cyclic": cyclic,
        "knot": knot,
        "ints": [0, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**53 - 1, 2**53, 2**53 + 1, -2**53,
                 2**63, -2**63, 2**64, 10**400, -10**400, 2**(8 * 300)],
        "strings": ["", "\x00", "\ud800", "a\udfff", "\udc00\ud800", "\U0001f600", "é" * 300, "\u2028"],
        "floats": [float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 1.0, 5e-324, 1e308, 2.0**53],
        "keys": {1.5: "x", float("inf"): 1, -0.0: 2, (1, 2.0): 3, None: 4, True: 5, b"b": 6, frozenset([1]): 7, "": 8,
                 2**70: 9},
        "nan_keys": [{float("nan"): 1, 2.5: 2, float("nan"): 3, float("-nan"): 4}, {float("nan"), float("nan")}],  # in a set their places change
        "empty": [[], (), {}, set(), frozenset(), b"", "", bytearray()],
        "bools": [True, 1, 1.0, False, 0, 0.0, None],
        "reduced": [Reduced(), Reduced(1, shared), shared],
        "points": [edges.Point(shared), edges.Point(None), shared],
        "sequence": sequence,
        "mapping": mapping,
        "standard": [OrderedDict([("b", 1), ("a", shared)]), defaultdict(list, {"x": [1]}), Counter("aab"),
                     deque([1, 2], 3), range(2, 9, 3), slice(1, None), Ellipsis, NotImplemented, int, len],
        "bytes": [b"\xff" * 255, b"\x00" * 256, bytearray(b"ab")],
    }


def big_values():
    return {
        "many": [[i] for i in range(70_000)],
        "texts": {f"k{i}": f"v{i}" for i in range(70_000)},
        "bytes": bytes(20_000_000),
        "text": "ä" * 10_000_000,
    }


def deep_values():
    return {
        "lists": nested(DEPTH, lambda inner: [inner]),
        "tuples": nested(DEPTH, lambda inner: (inner,)),
        "dicts": nested(DEPTH, lambda inner: {"k": inner}),
        "points": nested(DEPTH, edges.Point),
        "mixed": nested(DEPTH // 4, lambda inner: [{"k": (edges.Point(inner),)}]),
    }


def database(path):
    return ZODB.DB(ZODB.FileStorage.FileStorage(path))


def with_stack(function):
    """Pickles are written by recursion in Python."""

    def run(**arguments):
        result = []
        limit, size = sys.getrecursionlimit(), threading.stack_size(512 * 1024 * 1024)
        sys.setrecursionlimit(1_000_000)
        try:
            thread = threading.Thread(target=lambda: result.append(function(**arguments)))
            thread.start()
            thread.join()
        finally:
            sys.setrecursionlimit(limit)
            threading.stack_size(size)
        return result[0]

    return run


@with_stack
def write(path):
    warnings.simplefilter("ignore")  # records of 20 MB
    db = database(path)
    with db.transaction() as connection:
        root = connection.root()
        for kind, made in (("plain", values()), ("big", big_values()), ("deep", deep_values())):
            for name, value in made.items():
                root[f"{kind}.{name}"] = thing = edges.Thing()
                thing.value = value
    db.close()


def told(value):
    """A value as lines, in one walk without recursion; what occurs twice has a number."""
    numbers, lines, waiting, kept = {}, [], [value], []
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if isinstance(item, (list, tuple, dict, set, frozenset, deque, bytearray, edges.Point, Reduced)):
            # Pickles don't keep which of two equal immutable things is which.
            if id(item) in numbers and kind is not tuple and kind is not frozenset:
                lines.append(f"#{numbers[id(item)]}")
                continue
            numbers[id(item)] = len(numbers)
        if isinstance(item, dict):
            lines.append(f"{kind.__name__} {len(item)} {getattr(item, 'default_factory', None)}")
            parts = [part for pair in item.items() for part in pair]
        elif isinstance(item, (list, tuple, deque)):
            lines.append(f"{kind.__name__} {len(item)} {getattr(item, 'maxlen', None)}")
            parts = list(item)
        elif isinstance(item, (edges.Point, Reduced)):
            lines.append(kind.__name__)
            parts = []
        else:
            lines.append(f"{kind.__name__} {item!r}" if len(str(item)) < 1000 or kind is int else f"{len(item)}")
            continue
        if hasattr(item, "__dict__"):
            parts.append(dict(vars(item)))
        waiting.extend(reversed(parts))
        kept.append(parts)  # as their ids would be others'
    return lines


@with_stack
def check(path):
    """The names of the values that are not what was written, with the first difference."""
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    db = database(path)
    wrong = []
    with db.transaction() as connection:
        root = connection.root()
        for kind, made in (("plain", values()), ("big", big_values()), ("deep", deep_values())):
            for name, value in made.items():
                found, expected = told(root[f"{kind}.{name}"].value), told(value)
                if found != expected:
                    at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), -1)
                    wrong.append([f"{kind}.{name}", at, found[at][:200], expected[at][:200]])
    db.close()
    return wrong
