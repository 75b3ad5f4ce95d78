"""Clients that outlive their server, or come back with a cache of an earlier life."""

import time

from peer import Opened, error_name, raised, storage, store
from persistent.mapping import PersistentMapping
from ZODB.utils import load_current, z64

held = {}


def prepare(address, count):
    with Opened(address) as one:
        for number in range(count):
            one.root[f"object{number}"] = PersistentMapping({"value": 0})
        one.commit()


def read(address, cache, count):
    """Reads everything with the persistent cache `cache`; how many loads the server saw for it."""
    with Opened(address, client="kept", var=cache) as one:
        before = one.storage.server_status()["loads"]
        values = [one.root[f"object{number}"]["value"] for number in range(count)]
        return {"loads": one.storage.server_status()["loads"] - before, "values": values}


def change(address, numbers, value):
    """One transaction for each object."""
    with Opened(address) as one:
        for number in numbers:
            one.root[f"object{number}"]["value"] = value
            one.commit()


def hold(address, **options):
    held["one"] = Opened(address, **options)
    return held["one"].root["object0"]["value"]


def release():
    held.pop("one").__exit__()


def connected(wanted, seconds):
    """Waits until the held client is connected, or not."""
    end = time.monotonic() + seconds
    while held["one"].storage.is_connected() != wanted:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def value(number, expected, seconds):
    """What the held client sees at last, without doing anything but looking."""
    one, end = held["one"], time.monotonic() + seconds
    while True:
        one.refresh()
        seen = one.root[f"object{number}"]["value"]
        if seen == expected or time.monotonic() > end:
            return seen
        time.sleep(0.05)


def set_held(number, new):
    one = held["one"]
    one.refresh()
    one.root[f"object{number}"]["value"] = new
    one.commit()
    return one.root[f"object{number}"]["value"]


def held_write_error():
    client = held["one"].storage
    data, tid = load_current(client, z64)
    return error_name(raised(lambda: store(client, [(z64, tid, data)])))


def held_read_only():
    return bool(held["one"].storage.is_read_only())


def wait_writable(seconds):
    end = time.monotonic() + seconds
    while held["one"].storage.is_read_only() or not held["one"].storage.is_connected():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def refused_read_write(address):
    """A client that wants to write, on a server that does not."""
    error = raised(lambda: storage(address, wait_timeout=2))
    return error_name(error)
