"""The bank of bank.ts: its history as Python's FileStorage reads it, and clients of it below the object layer."""

import random
import time

import ZEO
import ZODB.FileStorage
from peer import wait_for
from ZEO.Exceptions import ClientDisconnected, ClientStorageError
from ZODB.Connection import TransactionMetaData
from ZODB.POSException import ConflictError
from ZODB.utils import p64, u64

HEAD = b"\x80\x03cpersistent.mapping\nPersistentMapping\n.\x80\x03}X\x04\0\0\0data}(X\x06\0\0\0amountJ"


def amount_of(record):
    assert record.startswith(HEAD) and record.endswith(b"us."), record[:80]
    return int.from_bytes(record[len(HEAD) : len(HEAD) + 4], "little", signed=True)


def history(path):
    """All transactions: their ids, notes, and what they put into which account."""
    storage = ZODB.FileStorage.FileStorage(path, read_only=True)
    try:
        return [
            [
                transaction.tid.hex(),
                transaction.description.decode(),
                [[u64(record.oid), amount_of(record.data)] for record in transaction],
            ]
            for transaction in storage.iterator()
        ]
    finally:
        storage.close()


def record(amount):
    padding = b"x" * 40
    return HEAD + amount.to_bytes(4, "little", signed=True) + b"X\x07\0\0\0paddingX\x28\0\0\0" + padding + b"us."


held = {}


class Teller:
    """Below the object layer; what it has seen and done is in `statement`, tids are numbers in strings."""

    def __init__(self, name, address, accounts, seed, cache, reopens):
        self.name, self.address, self.accounts = name, tuple(address), accounts
        self.chance, self.cache, self.reopens = random.Random(seed), cache, reopens
        self.statement = {"reads": [], "acknowledged": [], "uncertain": [], "refused": [], "counts": {}}
        self.number = 0
        self.open()

    def open(self):
        options = {"client": self.name, "var": "."} if self.cache else {}
        self.storage = ZEO.client(self.address, wait_timeout=10, cache_size=1 << 18, **options)

    def count(self, what):
        self.statement["counts"][what] = self.statement["counts"].get(what, 0) + 1

    def load(self, account, before):
        data, serial, end = self.storage.loadBefore(p64(account), before)
        amount = amount_of(data)
        number = str(u64(before)), str(u64(serial)), end and str(u64(end))
        self.statement["reads"].append([account, *number, amount])
        return amount, serial

    def moment(self):
        return p64(u64(self.storage.lastTransaction()) + 1)

    def work(self, end):
        while time.monotonic() < end:
            try:
                if self.chance.random() < 0.4:
                    self.audit()
                else:
                    self.transfer()
                if self.chance.random() < self.reopens:
                    self.storage.close()
                    self.open()
                    self.count("reopened")
            except ConflictError:
                self.count("conflicts")
            except (ClientDisconnected, ClientStorageError):
                self.count("lost")
            time.sleep(self.chance.random() * 0.004)

    def audit(self):
        before = self.moment()
        amounts = [self.load(account, before)[0] for account in self.accounts]
        self.count("audits" if sum(amounts) == 1000 * len(amounts) else "torn")

    def transfer(self):
        before = self.moment()
        giver, taker = self.chance.sample(self.accounts, 2)
        (a, serial_a), (b, serial_b) = self.load(giver, before), self.load(taker, before)
        self.number += 1
        note, amount, finishing = f"{self.name}-{self.number}", self.chance.randint(1, 9), False
        meta = TransactionMetaData(description=note)
        self.storage.tpc_begin(meta)
        try:
            self.storage.store(p64(giver), serial_a, record(a - amount), "", meta)
            self.storage.store(p64(taker), serial_b, record(b + amount), "", meta)
            self.storage.tpc_vote(meta)
            finishing = True
            tid = self.storage.tpc_finish(meta)
        except BaseException:
            self.statement["uncertain" if finishing else "refused"].append(note)
            self.storage.tpc_abort(meta)
            raise
        self.statement["acknowledged"].append([note, str(u64(tid))])
        self.count("transfers")


def work(name, address, accounts, seed, seconds, cache=False, reopens=0):
    teller = held["teller"] = Teller(name, address, accounts, seed, cache, reopens)
    teller.work(time.monotonic() + seconds)
    return True


def state(last):
    """What the client has seen and done, and sees when it knows of a transaction."""
    teller = held.pop("teller")
    wait_for(lambda: u64(teller.storage.lastTransaction()) >= int(last))
    before = teller.moment()
    seen = [[account, str(u64(teller.load(account, before)[1]))] for account in teller.accounts]
    teller.storage.close()
    return {**teller.statement, "seen": seen}
