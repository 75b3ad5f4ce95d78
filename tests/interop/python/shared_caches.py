"""A Python client whose blob directory a client in another language has at the same time."""

import hashlib
import threading

from peer import Opened
from ZODB.blob import Blob
from ZODB.utils import p64, u64

held = {}


def hold(address, **options):
    held["one"] = Opened(address, **options)


def release():
    held.pop("one").__exit__()


def content(seed, length):
    return (hashlib.sha256(str(seed).encode()).digest() * (length // 32 + 1))[:length]


def make(lengths):
    """One transaction with a blob for each length; answers oid and serial of each."""
    one = held["one"]
    one.refresh()
    blobs = [Blob(content(seed, length)) for seed, length in enumerate(lengths)]
    for seed, blob in enumerate(blobs):
        one.root[f"blob{seed}"] = blob
    one.commit()
    for blob in blobs:
        blob._p_activate()
    return [[u64(blob._p_oid), blob._p_serial.hex()] for blob in blobs]


def digests(revisions, turns=1):
    """What the revisions contain, looked at side by side and several times, oldest first."""
    storage, found = held["one"].storage, {}

    def look(number):
        for turn in range(turns):
            for place in range(len(revisions)):
                oid, serial = revisions[(place + number) % len(revisions)]
                with storage.openCommittedBlobFile(p64(oid), bytes.fromhex(serial)) as file:
                    found.setdefault(oid, set()).add(hashlib.sha256(file.read()).hexdigest())

    failures = []

    def run(number):
        try:
            look(number)
        except Exception as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert all(len(seen) == 1 for seen in found.values()), "an object with two contents"
    return [found[oid].pop() for oid, _ in revisions]
