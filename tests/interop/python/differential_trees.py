"""Histories of the object layer: two connections to each server change the same trees."""

import base64

import transaction
import ZODB
from differential_records import objects_of
from differential_side import Side
from peer import storage
from persistent.mapping import PersistentMapping
from ZODB.utils import u64


class Connected:
    """A database over a client, with one connection."""

    def __init__(self, client):
        self.database = ZODB.DB(client)
        self.manager = transaction.TransactionManager()
        self.connection = self.database.open(self.manager)

    def containers(self):
        return self.connection.root()["containers"]

    def close(self):
        self.manager.abort()
        self.connection.close()
        self.database.close()


class TreeSide(Side):
    def __init__(self, address, name, folder):
        super().__init__(address, name, folder)
        self.connected = []
        try:
            for client in self.clients:
                self.connected.append(Connected(client))
                self.catch_up()
        except BaseException:
            self.close()
            raise

    def close(self):
        for one in self.connected:
            one.close()
        super().close()

    def catch_up(self):
        """Takes note of what has been committed since the last time."""
        start = self.plain.tids[-1] if self.plain.tids else None
        answers = []
        for item in self.clients[0].iterator(start):
            if item.tid != start:
                answers.append(self.committed(item.tid))
        for one in self.connected:
            one.manager.begin()
        return answers

    def make(self, step):
        one = self.connected[0]
        one.manager.begin()
        made = [objects_of(name)() for name in step["containers"]]
        for container, keys in zip(made, step["fill"]):
            for key in keys:
                change(container, "set", key, key % 7)
        one.connection.root()["containers"] = made
        return self.told(self.finish(one))

    def finish(self, one):
        try:
            one.manager.commit()
            error = None
        except Exception as raised:
            error = raised
            one.manager.abort()
        return error

    def told(self, *answers):
        """Answers with the transactions that they may speak of, which come to be known now."""
        caught_up = self.catch_up()
        return [*map(self.told_of, answers), caught_up]

    def told_of(self, answer):
        if isinstance(answer, list):
            return [self.told_of(item) for item in answer]
        return self.plain.error(answer) if isinstance(answer, Exception) else self.plain.value(answer)

    def merge(self, step):
        for one in self.connected:
            one.manager.begin()
        sides = zip(self.connected, step["sides"])
        failures = [self.attempt(lambda: self.change(one, changes)) for one, changes in sides]
        answers = [self.finish(one) for one in self.connected]
        return [*self.told(failures, answers), self.attempt(self.contents)]

    def change(self, one, changes):
        containers = one.containers()
        for which, what, key, value in changes:
            change(containers[which % len(containers)], what, key, value)

    def takeBack(self, step):
        one = self.connected[step["client"]]
        one.manager.begin()
        ids = [base64.b64encode(self.transaction(back)) for back in step["back"]]
        one.database.undoMultiple(ids, one.manager.get())
        return [*self.told(self.finish(one)), self.attempt(self.contents)]

    def contents(self):
        found = []
        for one in self.connected:
            found.append([content(container) for container in one.connection.root().get("containers", ())])
        return found

    def pack(self, step):
        answer = super().pack(step)
        for one in self.connected:
            one.connection.cacheMinimize()
        return answer


def change(container, what, key, value):
    if hasattr(container, "change"):
        if what != "clear":
            container.change(key % 5 - 2)
        return
    if type(container).__name__ in ("OOBTree", "OIBTree", "OOTreeSet", "PersistentMapping"):
        key = f"key{key:04d}"
    if what == "clear":
        container.clear()
    elif what == "remove":
        if key in container:
            del_from(container, key)
    elif hasattr(container, "add"):
        container.add(key)
    elif what == "object" and type(container).__name__ in ("OOBTree", "PersistentMapping"):
        container[key] = PersistentMapping({"value": value})
    else:
        container[key] = value


def del_from(container, key):
    if hasattr(container, "remove"):
        container.remove(key)
    else:
        del container[key]


def content(container):
    if hasattr(container, "change"):
        return container()
    if hasattr(container, "items"):
        return [[key, u64(value._p_oid) if hasattr(value, "_p_oid") else value] for key, value in container.items()]
    return list(container)
