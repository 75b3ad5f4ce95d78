"""What a pickle means, told by Python's own unpickler without making anything: the names stay names.

`describe` gives JSON. An object met again is {"same": n}, n counting the lists, dicts and instances in the order in
which they are first met.
"""

import _compat_pickle
import io
import pickle
import struct


class Name:
    def __init__(self, module, name):
        self.module, self.name = module, name


class Made:
    def __init__(self, by, cls, args, keywords=None):
        self.by, self.cls, self.args, self.keywords = by, cls, args, keywords
        self.items, self.pairs, self.state = [], {}, Made

    def extend(self, items):
        self.items.extend(items)

    def append(self, item):
        self.items.append(item)

    def __setitem__(self, key, value):
        self.pairs[key] = value


class Reference:
    def __init__(self, pid):
        self.pid = pid


class Inert(pickle._Unpickler):
    """Python's own unpickler, except that it makes nothing."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module, name):
        if self.proto < 3:
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            elif module in _compat_pickle.IMPORT_MAPPING:
                module = _compat_pickle.IMPORT_MAPPING[module]
        return Name(module, name)

    pids = ()

    def persistent_load(self, pid):
        if self.pids is not Inert.pids:
            self.pids.append(pid)
        return Reference(pid)

    def load_reduce(self):
        args = self.stack.pop()
        self.stack[-1] = Made("REDUCE", self.stack[-1], args)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self):
        args = self.stack.pop()
        self.stack[-1] = Made("NEWOBJ", self.stack[-1], args)

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_newobj_ex(self):
        keywords = self.stack.pop()
        args = self.stack.pop()
        self.stack[-1] = Made("NEWOBJ_EX", self.stack[-1], args, keywords)

    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex

    def _instantiate(self, cls, args):
        self.append(Made("OBJ", cls, tuple(args)))

    def load_build(self):
        state = self.stack.pop()
        self.stack[-1].state = state

    dispatch[pickle.BUILD[0]] = load_build

    def load_empty_set(self):
        self.append(Made("REDUCE", Name("builtins", "set"), ([],)))

    dispatch[pickle.EMPTY_SET[0]] = load_empty_set

    def load_additems(self):
        items = self.pop_mark()
        self.stack[-1].args[0].extend(items)

    dispatch[pickle.ADDITEMS[0]] = load_additems

    def load_frozenset(self):
        items = self.pop_mark()
        self.append(Made("REDUCE", Name("builtins", "frozenset"), (items,)))

    dispatch[pickle.FROZENSET[0]] = load_frozenset

    def load_bytearray8(self):
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(Made("REDUCE", Name("builtins", "bytearray"), (self.read(size),)))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def describe(value, seen=None):
    seen = {} if seen is None else seen

    def inner(value):
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return {"int": str(value)}
        if isinstance(value, float):
            return {"float": struct.pack(">d", value).hex()}
        if isinstance(value, str):
            return {"str": value}
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
        if isinstance(value, tuple):
            return {"tuple": [inner(item) for item in value]}
        if isinstance(value, Name):
            return {"global": [value.module, value.name]}
        if isinstance(value, Reference):
            return {"reference": inner(value.pid)}
        if id(value) in seen:
            return {"same": seen[id(value)]}
        seen[id(value)] = len(seen)
        if isinstance(value, list):
            return {"list": [inner(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": [[inner(key), inner(item)] for key, item in value.items()]}
        assert isinstance(value, Made), value
        made = {"by": value.by, "class": inner(value.cls), "args": inner(value.args)}
        if value.keywords is not None:
            made["keywords"] = inner(value.keywords)
        if value.items:
            made["items"] = [inner(item) for item in value.items]
        if value.pairs:
            made["pairs"] = [[inner(key), inner(item)] for key, item in value.pairs.items()]
        if value.state is not Made:
            made["state"] = inner(value.state)
        return made

    return inner(value)


def inert(data, **options):
    return describe(Inert(io.BytesIO(data), **options).load())
