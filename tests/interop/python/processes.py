"""What several processes do to one database at once; each function runs in a process of its own."""

import time

from peer import Opened
from persistent.mapping import PersistentMapping
from ZODB.POSException import ConflictError

held = {}


def prepare(address, counters):
    with Opened(address) as one:
        for name in counters:
            one.root[name] = PersistentMapping({"value": 0})
        one.commit()


def hold(address):
    """Opens a connection that the others go on using. It hears of changes by invalidations alone."""
    held["one"] = Opened(address)


def release():
    held.pop("one").__exit__()


def retry(one, change):
    """Runs `change` in a transaction until it commits; returns how often it was in conflict."""
    conflicts = 0
    while True:
        one.refresh()
        try:
            change()
            one.commit()
            return conflicts
        except ConflictError:
            one.manager.abort()
            conflicts += 1


def increment(counters, times):
    """Increments each of the counters, one a transaction, and now and then all together."""
    one, conflicts = held["one"], 0

    def add(names):
        for name in names:
            one.root[name]["value"] += 1

    for number in range(times):
        conflicts += retry(one, lambda: add([counters[number % len(counters)]]))
        if number % 10 == 9:
            conflicts += retry(one, lambda: add(counters))
    return conflicts


def wait(counters, total, seconds):
    """What this process sees at last, in the connection that was open all the time."""
    one, end = held["one"], time.monotonic() + seconds
    while True:
        one.refresh()
        seen = sum(one.root[name]["value"] for name in counters)
        if seen == total or time.monotonic() > end:
            return seen
        time.sleep(0.05)


def write_pairs(names, seconds):
    """Changes all the objects to the same number, again and again."""
    one, end, number = held["one"], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1

        def change():
            for name in names:
                one.root[name]["value"] = number

        retry(one, change)
    return number


def read_pairs(names, seconds):
    """Looks at them in each transaction: never two numbers, never an older one than before."""
    one, end, last, looks = held["one"], time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        one.refresh()
        if looks % 3 == 0:
            one.connection.cacheMinimize()
        if looks % 7 == 0:
            one.storage._cache.clear()
        values = [one.root[name]["value"] for name in (names if looks % 2 else reversed(names))]
        if len(set(values)) != 1:
            return {"looks": looks, "torn": values}
        if values[0] < last:
            return {"looks": looks, "backwards": [last, values[0]]}
        last = values[0]
        looks += 1
    return {"looks": looks, "last": last}
