"""The Python side of zodb_test.ts: applications that share objects with one in TypeScript."""

import sys
import types
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from collections import OrderedDict
from fractions import Fraction
from uuid import UUID

import BTrees.Length
import persistent
import persistent.list
import persistent.mapping
import persistent.wref
import transaction
import ZODB
import ZODB.blob
import ZODB.FileStorage
import ZODB.POSException

bank = types.ModuleType("bank")
bank.models = types.ModuleType("bank.models")
sys.modules["bank"] = bank
sys.modules["bank.models"] = bank.models


class Account(persistent.Persistent):
    __module__ = "bank.models"

    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance


class Money:
    __module__ = "bank.models"

    def __init__(self, amount):
        self.amount = amount

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)


class Vault(persistent.Persistent):
    """Of a class that TypeScript doesn't know."""

    __module__ = "bank.models"


class Odd(persistent.Persistent):
    """Made with arguments, and with a state that is no dict."""

    __module__ = "bank.models"

    def __new__(cls, *args):
        self = super().__new__(cls)
        self._v_args = args
        return self

    def __getnewargs__(self):
        return ("x", 1)

    def __getstate__(self):
        return (1, [2, 3])

    def __setstate__(self, state):
        self._v_state = state


class Slotted(persistent.Persistent):
    __module__ = "bank.models"
    __slots__ = ("a", "b")


bank.models.Slotted = Slotted
bank.models.Account = Account
bank.models.Money = Money
bank.models.Vault = Vault
bank.models.Odd = Odd


def database(path, blobs=None):
    return ZODB.DB(ZODB.FileStorage.FileStorage(path, blob_dir=blobs))


def values():
    """One value of every kind, with the name that both sides know it by."""
    shared = ["shared"]
    cyclic = []
    cyclic.append(cyclic)
    return {
        "none": None, "true": True, "false": False,
        "int": 5, "negative": -7, "long": 2**70, "edge": 2**53, "minus_long": -(2**63),
        "float": 1.5, "whole": 2.0, "minus_zero": -0.0, "huge": 1e300, "inf": float("inf"),
        "str": "Obst ✓ 𝄞", "empty": "", "bytes": b"\x00\xff", "no_bytes": b"",
        "list": [1, 2.0, "x"], "tuple": (1, (2.0,), []), "no_tuple": (),
        "dict": {"a": 1, 2: "b", (1, "x"): b"y", None: 1.0, 3.0: 4}, "strings": {"a": {"b": 1}},
        "set": {1, 2}, "no_set": set(), "frozenset": frozenset(["a"]),
        "date": date(2024, 2, 29), "time": time(1, 2, 3, 4), "time_utc": time(23, 59, tzinfo=timezone.utc),
        "naive": datetime(2024, 2, 29, 1, 2, 3, 456789),
        "utc": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
        "zoned": datetime(2024, 6, 1, 12, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        "named": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2), "EET")),
        "last": datetime.max,
        "timedelta": timedelta(-1, 5, 7), "decimal": Decimal("1.50"), "nan": Decimal("NaN"),
        "uuid": UUID(int=2**127 + 5), "small_uuid": UUID(int=5), "complex": complex(1, -2.5),
        "bytearray": bytearray(b"xy"), "ordered": OrderedDict(b=1, a=2), "fraction": Fraction(1, 3),
        "range": range(3), "class": Account, "money": Money(5), "function": len,
        "shared": [shared, shared], "cyclic": cyclic,
        "many": list(range(2500)), "many_items": {str(i): i for i in range(1001)},
    }


def write_values(path):
    db = database(path)
    with db.transaction("values") as connection:
        root = connection.root
        root.values = persistent.mapping.PersistentMapping(values())
        root.list = persistent.list.PersistentList([1, 2.0, root.values])
        root.length = BTrees.Length.Length(7)
        root.account = Account("Ann", 10.0)
        root.account.tags = ["a"]
        root.account.address = {"street": "Elm"}
        root.vault = Vault()
        root.vault.gold = 3
        root.vault.inside = [root.account, {"x": (1,)}]
        root.odd = Odd()
        root.slotted = Slotted()
        root.slotted.a, root.slotted.b = 1, [2.0]
        root.weak = persistent.wref.WeakRef(root.account)
    db.close()


def same(found, expected):
    if type(found) is not type(expected):
        return False
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[k], expected[k]) for k in expected)
    if isinstance(expected, float):
        return str(found) == str(expected)
    if isinstance(expected, Decimal):
        return str(found) == str(expected)
    if isinstance(expected, (datetime, time)):
        return found.isoformat() == expected.isoformat() and found.tzname() == expected.tzname()
    return found == expected


def check_values(path):
    """The names of values that are not what they should be."""
    db = database(path)
    try:
        with db.transaction() as connection:
            found, expected = dict(connection.root.values), values()
            wrong = [name for name in {**expected, **found} if name not in found or name not in expected]
            cyclic, shared = found.pop("cyclic"), found["shared"]
            if not (type(cyclic) is list and len(cyclic) == 1 and cyclic[0] is cyclic):
                wrong.append("cyclic")
            if shared[0] is not shared[1]:
                wrong.append("shared")
            return wrong + [n for n in found if n in expected and not same(found[n], expected[n])]
    finally:
        db.close()


def records(path):
    """Every object's record, in hex."""
    storage = ZODB.FileStorage.FileStorage(path, read_only=True)
    try:
        found = {}
        for transaction_ in storage.iterator():
            for record in transaction_:
                found[record.oid.hex()] = record.data.hex()
        return found
    finally:
        storage.close()


def read_bank(path):
    db = database(path)
    try:
        with db.transaction() as connection:
            root = connection.root
            account, vault = root.account, root.vault
            return {
                "account": [type(account).__name__, account.owner, repr(account.balance), account.tags, account.address],
                "vault": [type(vault).__name__, vault.gold, vault.inside[0] is account, repr(vault.inside[1])],
                "slotted": [root.slotted.a, root.slotted.b],
                "odd": [type(root.odd).__name__, repr(root.odd._v_args), repr(root.odd._v_state)],
                "weak": root.weak() is account,
                "list": [type(root.list).__name__, repr(root.list[:2]), root.list[2] is root.values],
                "length": root.length(),
                "log": [[t["user_name"].decode(), t["description"].decode()] for t in db.storage.undoLog(0, 1)],
            }
    finally:
        db.close()


def export_bank(path, to):
    db = database(path)
    with db.transaction() as connection:
        connection.exportFile(connection.root.vault._p_oid, to).close()
    db.close()


def import_item(path, exported):
    """Imports what TypeScript has exported; returns what is in it."""
    db = database(path)
    try:
        with db.transaction() as connection:
            connection.root.imported = connection.importFile(exported)
        with db.transaction() as connection:
            vault = connection.root.imported
            return [type(vault).__name__, vault.gold, vault.inside[0].owner, repr(vault.inside[1])]
    finally:
        db.close()


def undo_last(path):
    db = database(path)
    try:
        entry = db.undoLog(0, 1)[0]
        db.undo(entry["id"])
        transaction.commit()
        with db.transaction() as connection:
            account = connection.root.account
            return [entry["description"], repr(account.balance), account.tags]
    finally:
        db.close()


def blobs(path, directory):
    """Reads the blobs that are there, adds and changes some."""
    db = database(path, directory)
    try:
        with db.transaction() as connection:
            root = connection.root
            found = {}
            for name in ("ts", "undone"):
                with getattr(root, name).open() as file:
                    found[name] = file.read().decode()
            with root.ts.open("a") as file:
                file.write(b" and Python's")
            root.python = ZODB.blob.Blob(b"Python's")
        return found
    finally:
        db.close()


def two_databases(first, second):
    """Makes a reference from one database into another, and reads one that TypeScript made."""
    databases = {}
    one = ZODB.DB(ZODB.FileStorage.FileStorage(first), database_name="one", databases=databases)
    two = ZODB.DB(ZODB.FileStorage.FileStorage(second), database_name="two", databases=databases)
    try:
        connection = one.open()
        other = connection.get_connection("two")
        link = connection.root.link
        result = [link.far.owner, link.far._p_jar is other, link.weak() is link.far]
        other.root.bob = Account("Bob", 1)
        transaction.commit()
        link.bob = other.root.bob
        transaction.commit()
        connection.close()
        return result
    finally:
        one.close()
        two.close()


def transfers(address, name, count):
    """Moves money between accounts, one at a time, as long as it takes; returns how many conflicts there were."""
    import ZEO

    db = ZEO.DB(tuple(address) if isinstance(address, list) else address)
    conflicts = 0
    try:
        for i in range(count):
            while True:
                manager = transaction.TransactionManager()
                connection = db.open(manager)
                try:
                    accounts = connection.root.accounts
                    accounts[i % 3].balance -= 1
                    accounts[(i + 1) % 3].balance += 1
                    accounts[i % 3].log.append(name)
                    manager.commit()
                    break
                except ZODB.POSException.ConflictError:
                    conflicts += 1
                    manager.abort()
                finally:
                    connection.close()
        return conflicts
    finally:
        db.close()


def balances(address):
    import ZEO

    db = ZEO.DB(tuple(address) if isinstance(address, list) else address)
    try:
        with db.transaction() as connection:
            accounts = connection.root.accounts
            return [[account.balance for account in accounts], sum(len(account.log) for account in accounts)]
    finally:
        db.close()


def rewrite(path):
    """Loads every object and stores it again, in new pickles; returns how many there are."""
    db = database(path)
    try:
        connection = db.open()
        objects = [connection.get(i.to_bytes(8, "big")) for i in range(len(db.storage))]
        for item in objects:
            item._p_activate()
            item._p_changed = True
        transaction.commit()
        connection.close()
        return len(objects)
    finally:
        db.close()


def remote_blob(address, directory):
    """What a client reads in the blob that the TypeScript client has stored."""
    import ZEO

    db = ZEO.DB(tuple(address), blob_dir=directory)
    try:
        with db.transaction() as connection:
            with connection.root.blob.open() as file:
                return [file.read().decode(), connection.root.account.balance]
    finally:
        db.close()


def read_odd(path):
    """Objects of a class with arguments that TypeScript has made."""
    db = database(path)
    try:
        with db.transaction() as connection:
            odds = connection.root.odds
            return [[repr(odd._v_args), repr(odd._v_state), odd is connection.get(odd._p_oid)] for odd in odds]
    finally:
        db.close()
