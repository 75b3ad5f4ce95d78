"""Clients that move money between accounts, whatever happens to them, their network and their server.

An account is an object of its own, and nothing but whole transfers is ever committed: whoever sees another sum than
the one at the start has seen parts of different moments.
"""

import random
import time

import ZEO.Exceptions
from peer import Opened, wait_for
from persistent.mapping import PersistentMapping
from transaction.interfaces import TransientError

START = 1000
LOST = (ZEO.Exceptions.ClientDisconnected, ZEO.Exceptions.ClientStorageError)
held = {}


def prepare(address, accounts):
    with Opened(address) as one:
        one.root["accounts"] = PersistentMapping(
            {str(number): PersistentMapping({"amount": START}) for number in range(accounts)}
        )
        one.commit()


def opened(address, end):
    """A database, as soon as the server lets one be opened."""
    while True:
        try:
            return Opened(address, wait_timeout=3)
        except LOST:
            assert time.monotonic() < end + 30, "the server can't be reached any more"


def run(address, seed, seconds):
    """Transfers and audits until the time is over; the database stays open for `view`."""
    chance, end = random.Random(seed), time.monotonic() + seconds
    done = {"transfers": 0, "audits": 0, "conflicts": 0, "lost": 0}
    one = opened(address, end)
    while time.monotonic() < end:
        try:
            one.manager.begin()
            done[step(one, chance)] += 1
        except LOST:
            done["lost"] += 1
        except TransientError:
            done["conflicts"] += 1
        one.manager.abort()
    held["one"] = one
    return done


def step(one, chance):
    accounts = one.root["accounts"]
    names = sorted(accounts)
    if chance.random() < 0.3:
        amounts = [accounts[name]["amount"] for name in names]
        assert sum(amounts) == START * len(names), f"a torn view: {amounts}"
        return "audits"
    giver, taker = (accounts[name] for name in chance.sample(names, 2))
    amount = chance.randint(1, 9)
    giver["amount"] -= amount
    taker["amount"] += amount
    one.manager.get().note("a transfer")
    one.commit()
    return "transfers"


def amounts(one):
    accounts = one.root["accounts"]
    return {name: [accounts[name]["amount"], accounts[name]._p_serial.hex()] for name in sorted(accounts)}


def view(last):
    """What the client sees at last, by what it has heard and kept."""
    one = held.pop("one")
    wait_for(lambda: one.storage.is_connected() and one.storage.lastTransaction() >= bytes.fromhex(last))
    one.manager.begin()
    found = amounts(one)
    one.__exit__()
    return found


def truth(address):
    """What a new client finds, which has nothing kept; and the last transaction."""
    with Opened(address) as one:
        return {"accounts": amounts(one), "last": one.storage.lastTransaction().hex()}


def claim(address):
    """Changes all accounts in one transaction, and takes that back by an undo, which has the whole storage to itself."""
    with Opened(address, wait_timeout=5) as one:
        accounts = one.root["accounts"]
        for name in accounts:
            accounts[name]["amount"] += 1
        one.manager.get().note("a gift")
        one.commit()
        entry = one.database.undoInfo(0, 1)[0]
        assert entry["description"] == b"a gift" or entry["description"] == "a gift", entry
        one.database.undo(entry["id"], one.manager.get())
        one.commit()
        status = one.storage.server_status()
        return [status["active_txns"], status["waiting"], status["lock_time"]]
