"""One process of objects.ts with Python's ZODB: as objects_side.ts.

    python objects_side.py HOST PORT NUMBER OBJECTS
"""

import gc
import logging
import sys
import time

import ZEO
import ZODB
import transaction
from persistent import Persistent
from persistent.mapping import PersistentMapping

# The class's name in the database, which the other side knows.
sys.modules["objects_side"] = sys.modules["__main__"]


class Thing(Persistent):
    def __init__(self, data):
        self.data = data


Thing.__module__ = "objects_side"


class Side:
    def __init__(self, host, port, number, objects):
        self.address = host, int(port)
        self.number = number
        self.objects = int(objects)
        self.changes = 0
        self.open()

    def open(self):
        storage = ZEO.client(self.address, cache_size=64 << 20)
        self.db = ZODB.DB(storage, cache_size=10 * self.objects)
        self.connection = self.db.open()

    def container(self):
        return self.connection.root()["objects"][self.number]

    def text(self):
        self.changes += 1
        return f"{self.number} {self.changes} ".ljust(128, "x")

    def read(self):
        length = 0
        for thing in self.container().values():
            length += len(thing.data)
        assert length == 128 * self.objects, length

    def prepare(self):
        self.connection.root()["objects"] = PersistentMapping(
            {str(process): PersistentMapping() for process in range(16)}
        )
        transaction.commit()
        return 0

    def add(self):
        transaction.begin()
        things = self.container()
        things._p_activate()
        start = time.perf_counter()
        for name in range(self.objects):
            things[str(name)] = Thing(self.text())
        transaction.commit()
        return time.perf_counter() - start

    def update(self):
        transaction.begin()
        start = time.perf_counter()
        for thing in self.container().values():
            thing._p_activate()
            thing.data = self.text()
        transaction.commit()
        return time.perf_counter() - start

    def cold(self):
        self.connection.close()
        self.db.close()
        self.open()
        return self.timed()

    def warm(self):
        transaction.begin()
        self.connection.cacheMinimize()
        return self.timed()

    def hot(self):
        transaction.begin()
        return self.timed()

    def timed(self):
        gc.collect()
        start = time.perf_counter()
        self.read()
        return time.perf_counter() - start


def main():
    # runzeo tells a client of another's transaction after the reply that shows a later one, now and then; the client
    # complains in the log, and goes on.
    logging.disable(logging.CRITICAL)
    side = Side(*sys.argv[1:])
    print("ready", flush=True)
    for line in sys.stdin:
        print(getattr(side, line.strip())(), flush=True)
    transaction.abort()
    side.db.close()


if __name__ == "__main__":
    main()
