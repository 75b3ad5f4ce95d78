"""What Python's client does in a second; client_side.ts is its counterpart.

usage: client_side.py HOST PORT FOLDER OBJECTS SECONDS

For each line with the name of a case it prints how often that was done in a second.
"""

import random
import sys
import time

import ZEO
from ZODB.Connection import TransactionMetaData
from ZODB.utils import maxtid, p64, z64

CACHE = 256 << 20
BATCH = 1000
WARM = 20_000
RECORD = b"x" * 512


def main(host, port, folder, objects, seconds):
    chance = random.Random(2)
    oids = [p64(number) for number in range(objects)]

    def opened(**options):
        return ZEO.client((host, port), cache_size=CACHE, wait_timeout=30, **options)

    def shuffled():
        chance.shuffle(oids)
        return iter(oids)

    def one_by_one():
        client, count, order = opened(), 0, shuffled()
        start = time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds and count < objects:
            client.loadBefore(next(order), maxtid)
            count += 1
        client.close()
        return count / taken

    def pipelined():
        client, count, order = opened(), 0, shuffled()
        start = time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds and count < objects:
            batch = [next(order) for _ in range(BATCH)]
            client.prefetch(batch, maxtid)
            for oid in batch:
                client.loadBefore(oid, maxtid)
            count += BATCH
        client.close()
        return count / taken

    options = {"client": "bench", "var": folder}
    chosen = chance.sample(oids, WARM)

    def fill():
        client = opened(**options)
        for at in range(0, WARM, BATCH):
            batch = chosen[at : at + BATCH]
            client.prefetch(batch, maxtid)
            for oid in batch:
                client.loadBefore(oid, maxtid)
        client.close()

    def warm():
        fill()  # with commits in between the server may not know any more what has changed since
        count, taken = 0, 0
        while taken < seconds / 3:
            client = opened(**options)
            chance.shuffle(chosen)
            start = time.perf_counter()
            for oid in chosen:
                client.loadBefore(oid, maxtid)
            taken += time.perf_counter() - start
            count += WARM
            client.close()
        return count / taken

    def commits(size):
        client, count = opened(), 0
        serials = {oid: client.loadBefore(oid, maxtid)[1] for oid in oids[:size]}
        start = time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds:
            meta = TransactionMetaData()
            client.tpc_begin(meta)
            for oid, serial in serials.items():
                client.store(oid, serial, RECORD, "", meta)
            client.tpc_vote(meta)
            tid = client.tpc_finish(meta)
            for oid in serials:
                serials[oid] = tid
            count += 1
        client.close()
        return count / taken

    cases = {
        "cold loads, one by one": one_by_one,
        "cold loads, prefetched": pipelined,
        "warm loads": warm,
        "commits of 1 object": lambda: commits(1),
        "commits of 100 objects": lambda: commits(100),
    }
    for line in sys.stdin:
        print(cases[line.strip()](), flush=True)


if __name__ == "__main__":
    host, port, folder, objects, seconds = sys.argv[1:]
    main(host, int(port), folder, int(objects), float(seconds))
