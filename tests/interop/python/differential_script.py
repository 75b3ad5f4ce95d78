"""Random histories: lists of steps that can be played on any server, made from a seed.

Nothing in a step depends on what a server answers: revisions and transactions are named by their place in what has been
committed by then, counted from the newest, so that a history stays one when steps are left out.
"""

from random import Random

from differential_records import KINDS, MERGED, first_payload, next_payload

WORDS = ["", "", "bob", "/ plone", "\u00e9\u2713 \U0001f600", "x" * 300, "first", "manage_edit"]
CONTAINERS = ["OOBTree", "IIBTree", "LOBTree", "OIBTree", "OOTreeSet", "IITreeSet", "Length", "PersistentMapping"]


def make(seed, features):
    """The history of a seed: {"seed", "level", "steps"}."""
    random = Random(seed)
    if random.random() < 0.3:
        return {"seed": seed, "level": "trees", "steps": Trees(random, features).steps()}
    return {"seed": seed, "level": "records", "steps": Records(random, features).steps()}


def metadata(random):
    # No text twice: who pickles it may share what is the same, or not.
    extension = {}
    if random.random() < 0.3:
        values = [1, -5, 2**40, 1.5, True, None, "text", "\u00fc", b"bytes\xff", [1, "two", None]]
        values.append({"deep": {"k": [1]}})
        random.shuffle(values)
        keys = ["key", "request_type", "path", "\u00e9", "time", "id", "size"]
        for key in random.sample(keys, random.randrange(1, 4)):
            extension[key] = values.pop()
    return {"user": random.choice(WORDS), "description": random.choice(WORDS), "extension": extension}


def ending(random):
    return random.choices(["finish", "abort", "abandon"], [18, 1, 1])[0]


def query(random):
    kind = random.choice(["undoLog", "undoInfo", "iterate", "history", "serial", "load", "next", "status"])
    step = {"op": "query", "what": kind, "client": random.randrange(2), "number": random.randrange(10)}
    if kind in ("undoLog", "undoInfo"):
        step["first"] = random.choice([0, 0, 1, 2, 5, 30])
        step["last"] = random.choice([-20, -1, -2, 0, 1, 3, 10, 100])
    if kind == "undoInfo":
        name = random.choice(["user_name", "description", "key", "size"])
        value = random.choice(WORDS) if name in ("user_name", "description") else random.choice([1, "text", True, 1.0])
        step["wanted"] = random.choice([None, {}, {name: value}, {name: value, "description": "first"}])
    if kind in ("iterate", "serial", "load"):
        step["start"], step["stop"] = random.randrange(-1, 25), random.randrange(-1, 25)
        step["shift"] = random.choice([0, 0, 1, -1])
    if kind == "history":
        step["size"] = random.choice([1, 2, 5, 100])
    return step


class Records:
    """Histories below the object layer."""

    def __init__(self, random, features):
        self.random = random
        self.features = features
        self.kinds = [random.choice(KINDS) for _ in range(random.randrange(3, 10))]
        if "blobs" not in features:
            self.kinds = ["mapping" if kind == "blob" else kind for kind in self.kinds]
        self.kinds[0] = "mapping"
        self.versions = [[] for _ in self.kinds]
        self.packs = "pack" in features and random.random() < 0.5
        self.deletes = random.random() < 0.5
        # The original drops what is garbage at the pack time even if it is referred to later; here it is kept. So a
        # history has either no garbage, or packs only when there is no later.
        self.garbage = self.packs and random.random() < 0.5

    def steps(self):
        random = self.random
        first = [self.store(number, "zero") for number in range(len(self.kinds))
                 if number == 0 or self.packs or random.random() < 0.6]
        steps = [{"op": "commit", "client": 0, "actions": first, "end": "finish", **metadata(random)}]
        for _ in range(random.randrange(8, 22)):
            steps.append(self.step())
        return steps

    def step(self):
        random = self.random
        draw = random.random()
        if draw < 0.36:
            return {"op": "commit", "client": random.randrange(2), "actions": self.actions(), "end": ending(random),
                    **metadata(random)}
        if draw < 0.52:
            undos = [{"do": "undo", "back": self.back()} for _ in range(random.choice([1, 1, 1, 2, 2, 3]))]
            if random.random() < 0.1:
                action = self.action()
                # Blobs come last in the original, wherever they were asked for.
                place = len(undos) if action.get("kind") == "blob" else random.randrange(len(undos) + 1)
                undos.insert(place, action)
            return {"op": "commit", "client": random.randrange(2), "actions": undos, "end": ending(random),
                    **metadata(random)}
        if draw < 0.76:
            first = {"actions": self.actions(), "end": ending(random), **metadata(random)}
            second = {"actions": self.actions(self.touched(first)), "end": ending(random), **metadata(random)}
            return {"op": random.choice(["race", "crossed"]), "first": first, "second": second}
        if draw < 0.82 and self.packs:
            return {"op": "pack", "client": random.randrange(2), "back": 0 if self.garbage else self.back()}
        return query(random)

    def back(self):
        return min(int(self.random.expovariate(0.4)), 24)

    def touched(self, other):
        return [action["object"] for action in other["actions"] if "object" in action]

    def actions(self, preferred=()):
        actions = []
        for _ in range(self.random.choice([0, 1, 1, 1, 2, 2, 3, 5])):
            action = self.action(preferred)
            # The original does uploads last, and in reverse: a blob that is touched twice has a life of its own.
            blob = self.kinds[action["object"]] == "blob"
            if not blob or all(one["object"] != action["object"] for one in actions):
                actions.append(action)
        return actions

    def action(self, preferred=()):
        random = self.random
        again = preferred and random.random() < 0.7
        number = random.choice(preferred) if again else random.randrange(len(self.kinds))
        draw = random.random()
        if draw < 0.08 and self.deletes and number:
            return {"do": "delete", "object": number, "serial": self.serial()}
        if draw < 0.2:
            return {"do": "check", "object": number, "serial": self.serial()}
        if draw < 0.24 and not self.packs and self.kinds[number] != "blob":
            junk = random.choice([b"x", b"\x80\x03", b"junk" * 5]).hex()
            return {"do": "store", "object": number, "kind": "junk", "payload": junk, "serial": self.serial(), "to": []}
        return self.store(number, self.serial(self.kinds[number]))

    def serial(self, kind=None):
        stale = 0.35 if kind in MERGED else 0.12
        draw = self.random.random()
        if draw < stale:
            return {"stale": self.random.choice([1, 1, 1, 2, 3])}
        return {"stale": 0} if draw < 0.97 else self.random.choice(["zero", "wrong"])

    def store(self, number, serial):
        random, kind, versions = self.random, self.kinds[number], self.versions[number]
        if not versions:
            payload = first_payload(random, kind)
        else:
            behind = serial["stale"] if isinstance(serial, dict) else 0
            payload = next_payload(random, kind, versions[-1 - min(behind, len(versions) - 1)])
        versions.append(payload)
        made = {"do": "store", "object": number, "kind": kind, "payload": payload, "serial": serial, "to": []}
        if kind in ("mapping", "thing", "arguments"):
            every = number == 0 and (random.random() < 0.5 or self.packs and not self.garbage)
            others = range(1, len(self.kinds)) if every else random.sample(
                range(len(self.kinds)), random.randrange(min(3, len(self.kinds))))
            forms = [8, 1, 0 if every else 1]
            made["to"] = [[other, random.choices(["plain", "bare", "weak"], forms)[0]] for other in others]
        if kind == "blob":
            made["bytes"] = random.choice([0, 1, 100, 59000, 59001, 130000])
        return made


class Trees:
    """Histories of the object layer, with two connections that change the same trees."""

    def __init__(self, random, features):
        self.random = random
        self.packs = "pack" in features and random.random() < 0.4
        self.names = [random.choice(CONTAINERS) for _ in range(random.randrange(1, 4))]
        self.span = random.choice([20, 100, 400])

    def steps(self):
        random = self.random
        steps = [{"op": "make", "containers": self.names,
                  "fill": [random.sample(range(self.span), random.choice([0, 3, self.span // 2])) for _ in self.names]}]
        for _ in range(random.randrange(6, 18)):
            draw = random.random()
            if draw < 0.6:
                steps.append({"op": "merge", "sides": [self.changes(), self.changes()]})
            elif draw < 0.8:
                steps.append({"op": "takeBack", "client": random.randrange(2),
                              "back": [min(int(random.expovariate(0.5)), 12) for _ in range(random.choice([1, 1, 2]))]})
            elif draw < 0.9 and self.packs:
                steps.append({"op": "pack", "client": random.randrange(2), "back": 0})
            else:
                steps.append(query(random))
        return steps

    def changes(self):
        random = self.random
        changes = []
        for _ in range(random.choice([0, 1, 1, 2, 4, 30])):
            which = random.randrange(len(self.names))
            what = random.choices(["set", "remove", "object", "clear"], [10, 6, 1, 0.2])[0]
            changes.append([which, what, random.randrange(self.span), random.randrange(5)])
        return changes
