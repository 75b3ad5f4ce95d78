"""What Python's side does to objects that a synchronous connection shares with it."""

import sys
import types

from BTrees.Length import Length
from peer import Opened
from persistent import Persistent
from persistent.list import PersistentList
from persistent.mapping import PersistentMapping
from ZODB.POSException import ConflictError


class Account(Persistent):
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance
        self.friend = None
        self.notes = []


module = sys.modules["tests.sync"] = types.ModuleType("tests.sync")
sys.modules.setdefault("tests", types.ModuleType("tests"))
module.Account = Account
Account.__module__ = "tests.sync"


def make(address):
    with Opened(address) as one:
        ann, bob = Account("Ann", 10), Account("Bob", 20)
        ann.friend, bob.friend = bob, ann
        one.root["accounts"] = PersistentMapping({"ann": ann, "bob": bob})
        one.root["list"] = PersistentList(Account(str(number), number) for number in range(100))
        one.root["length"] = Length(1)
        one.commit()


def deposit(address, name, amount):
    """Changes what the other side has changed before, and tells what it has found."""
    with Opened(address) as one:
        account = one.root["accounts"][name]
        found = account.balance
        account.balance += amount
        account.notes.append(f"+{amount}")
        one.root["length"].change(1)
        one.commit()
        return found


def read(address):
    with Opened(address) as one:
        accounts = one.root["accounts"]
        return [
            {name: [account.owner, account.balance, account.friend.owner, account.notes]
             for name, account in accounts.items()},
            one.root["length"](),
            [account.balance for account in one.root["list"]][:3],
        ]


def transfers(address, count):
    """Moves money from Ann to Bob; how often that was in conflict with the other side."""
    conflicts = 0
    with Opened(address) as one:
        for _ in range(count):
            while True:
                accounts = one.root["accounts"]
                try:
                    accounts["ann"].balance -= 1
                    accounts["bob"].balance += 1
                    one.commit()
                    break
                except ConflictError:
                    conflicts += 1
                    one.manager.abort()
    return conflicts


