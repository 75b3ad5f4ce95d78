"""Clients of servers that are clients of other servers: what one commits the others see, and nobody sees what was."""

import threading
import time

from peer import Opened, error_name, raised, wait_for
from ZODB.blob import Blob
from ZODB.POSException import ConflictError

held = {}


def hold(name, address, **options):
    held[name] = Opened(address, **options)


def release():
    for name in list(held):
        held.pop(name).__exit__()


def put(name, key, value):
    one = held[name]
    one.refresh()
    one.root[key] = value
    one.commit()


def see(name, key, expected, seconds=15):
    """What a client sees at last, doing nothing but looking."""
    one, end = held[name], time.monotonic() + seconds
    while True:
        one.refresh()
        seen = one.root.get(key)
        if seen == expected or time.monotonic() > end:
            return seen
        time.sleep(0.01)


def put_blob(name, key, text):
    one = held[name]
    one.refresh()
    if key in one.root:
        with one.root[key].open("w") as file:
            file.write(text.encode())
    else:
        one.root[key] = Blob(text.encode())
    one.commit()


def see_blob(name, key, expected, seconds=15):
    one, end = held[name], time.monotonic() + seconds
    while True:
        one.refresh()
        seen = None
        if key in one.root:
            with one.root[key].open() as file:
                seen = file.read().decode()
        if seen == expected or time.monotonic() > end:
            return seen
        time.sleep(0.01)


def write_error(name):
    one = held[name]
    one.root["refused"] = 1
    error = raised(one.commit)
    one.manager.abort()
    return [error_name(error), error.args[0]]


def connected(name, wanted, seconds):
    end = time.monotonic() + seconds
    while held[name].storage.is_connected() != wanted:
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def count(addresses, times, key="counter"):
    """A thread for each address adds to one number, with all others; what the first sees at the end, and conflicts."""
    clients = [Opened(address) for address in addresses]
    clients[0].root[key] = 0
    clients[0].commit()
    for client in clients[1:]:
        wait_for(lambda: client.refresh() or key in client.root)
    conflicts, failures = [], []

    def add(client):
        try:
            for _ in range(times):
                while True:
                    try:
                        client.manager.begin()
                        client.root[key] = client.root[key] + 1
                        client.manager.commit()
                        break
                    except ConflictError:
                        client.manager.abort()
                        conflicts.append(1)
                        time.sleep(0.002)
        except Exception as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=add, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    last = max(client.storage.lastTransaction() for client in clients)
    seen = []
    for client in clients:
        wait_for(lambda: client.storage.lastTransaction() >= last)
        client.refresh()
        seen.append(client.root[key])
        client.__exit__()
    return {"seen": seen, "failures": failures}
