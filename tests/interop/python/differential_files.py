"""The files that two servers have left behind after the same history, byte for byte but for the transactions' ids."""

from struct import unpack

import files
from ZODB.utils import u64

HEADER, RECORD = 23, 42


def transactions(data, plain):
    """What lies in a Data.fs, in its order and with all positions; ids by their place."""
    position = 4
    while position < len(data):
        tid, length, status, *lengths = unpack(">8sQcHHH", data[position:position + HEADER])
        plain.setdefault(tid, f"t{len(plain)}")
        texts = position + HEADER
        at = texts + sum(lengths)
        yield [position, plain[tid], length, status, data[texts:at].hex()]
        while at < position + length:
            oid, tid, previous, start, version, size = unpack(">8s8sQQHQ", data[at:at + RECORD])
            end = at + RECORD + (size or 8)
            yield [at, u64(oid), plain.get(tid), previous, start, version, size, data[at + RECORD:end].hex()]
            at = end
        assert at == position + length and unpack(">Q", data[at:at + 8])[0] == length, f"lengths at {position}"
        position = at + 8


def listed(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:4] == b"FS30", data[:4]
    return list(transactions(data, {}))


def compare(pairs):
    """What is wrong with the first file of each pair, or differs from the second; as [path, what …]."""
    wrong = []
    for one, two in pairs:
        # Not everything is well with every file of the original: an object that its last transaction has twice …
        found, expected = ([problem.replace(path, "FILE") for problem in files.check(path)] for path in (one, two))
        if found != expected:
            wrong.append([one, found, expected])
            continue
        ours, theirs = listed(one), listed(two)
        # The second record of a blob has another place in the original, and so has all that comes after it.
        if ours == theirs or any(b"ZODB.blob".hex() in str(item[-1]) for item in theirs):
            continue
        left, right = next(((a, b) for a, b in zip(ours, theirs) if a != b), (len(ours), len(theirs)))
        wrong.append([one, f"ours:   {left}", f"runzeo: {right}"])
    return wrong
