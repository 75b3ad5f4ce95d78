"""A client's cache file in Python's hands: filled, read, changed; and its trace, read by the original's tool."""

import contextlib
import hashlib
import io
import random
import sys

import zc.lockfile
import ZEO.cache
from ZEO.scripts import cache_stats
from ZODB.utils import p64, u64


def record(oid, serial, length):
    """Bytes that tell which object and revision they are of."""
    return (b"%d of %d, " % (oid, serial) * (length // 5 + 1))[:length]


def describe(cache, objects, last):
    """What the cache says of each object at each moment: [oid, before, serial, end or None, data]."""
    answers = []
    for oid in range(objects):
        for before in range(1, last + 2):
            found = cache.loadBefore(p64(oid), p64(before))
            if found is not None:
                data, serial, end = found
                answers.append([oid, before, u64(serial), end and u64(end), hashlib.sha1(data).hexdigest()[:12]])
    return answers


def fill(cache, seed, steps, objects, start=1, largest=400):
    """A history of `steps` steps from transaction `start` on; returns the last transaction."""
    chance = random.Random(seed)
    now = start
    written = {}
    for _ in range(steps):
        oid = chance.randrange(objects)
        choice = chance.random()
        if choice < 0.3:
            now += 1
            cache.invalidate(p64(oid), p64(now))
            written[oid] = now
            cache.setLastTid(p64(now))
        elif choice < 0.35:
            cache.invalidate(p64(oid), None)
        elif not cache.load(p64(oid)):
            serial = written.get(oid, start)
            cache.store(p64(oid), p64(serial), None, record(oid, serial, chance.randrange(largest)))
    cache.setLastTid(p64(now))
    return now


def make(path, size, seed, steps, objects):
    cache = ZEO.cache.ClientCache(path, size)
    last = fill(cache, seed, steps, objects)
    answers = describe(cache, objects, last)
    cache.close()
    return {"last": last, "answers": answers}


def read(path, size, objects):
    # Without moving what it finds out of the way of the next record.
    cache = ZEO.cache.ClientCache(path, size, rearrange=2)
    last = u64(cache.getLastTid())
    answers = describe(cache, objects, last)
    records = len(cache)
    current = sorted([u64(oid), u64(tid)] for oid, tid in cache.contents())
    cache.close()
    return {"last": last, "answers": answers, "current": current, "records": records}


def go_on(path, size, seed, steps, objects):
    """Opens a cache that another has filled and lives on with it, from its last transaction."""
    cache = ZEO.cache.ClientCache(path, size)
    last = fill(cache, seed, steps, objects, max(1, u64(cache.getLastTid())))
    answers = describe(cache, objects, last)
    cache.close()
    return {"last": last, "answers": answers}


def locked(path, size):
    try:
        ZEO.cache.ClientCache(path, size).close()
    except zc.lockfile.LockError:
        return True
    return False


def hold(path, size):
    global held
    held = ZEO.cache.ClientCache(path, size)


def release():
    held.close()


def statistics(path):
    """What ZEO.scripts.cache_stats prints about a trace."""
    output, argv = io.StringIO(), sys.argv
    sys.argv = ["cache_stats", "-v", path]
    try:
        with contextlib.redirect_stdout(output):
            cache_stats.main()
    finally:
        sys.argv = argv
    return output.getvalue()
