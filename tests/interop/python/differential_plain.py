"""What servers answer, without what may differ: transaction ids by their place, times left out."""

import re

from ZODB.POSException import UndoError
from ZODB.utils import u64, z64

HEX = re.compile(r"0x[0-9a-f]{14,16}")
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+")
FOLDER = re.compile(r"/\S+\.blobs/")
SHOWN = 400


def dotted(error):
    return f"{type(error).__module__}.{type(error).__name__}"


class Plain:
    """Knows the transactions of one storage in their order."""

    def __init__(self):
        self.tids = []
        self.places = {}
        #: Whether blobs have been stored.
        self.blobs = False

    def add(self, tid):
        self.places[tid] = len(self.tids)
        self.tids.append(tid)

    def tid(self, tid):
        if tid is None or tid == z64:
            return None if tid is None else "t-"
        if tid in self.places:
            return f"t{self.places[tid]}"
        return f"t?{u64(tid)}" if u64(tid) < 2**40 else "t?"

    def text(self, text):
        # The original means to put something in this place, and does not.
        text = text.replace("_loadBack() failed for %s", "_loadBack() failed")
        # The original means to stop looking at the first packed transaction, and does not.
        text = text.replace("non-undoable transaction", "Invalid transaction id")
        text = FOLDER.sub("BLOBS/", text)
        named = HEX.sub(lambda found: self.tid(int(found[0], 16).to_bytes(8, "big")), text)
        return DATE.sub("DATE", named)

    def value(self, value):
        if isinstance(value, UndoError):
            # Within another error: with msgpack the original sends it as name and attributes.
            return [dotted(value), self.value(vars(value))]
        if isinstance(value, bytes):
            return self.tid(value) if value in self.places else self.data(value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value if value is None or isinstance(value, (bool, int, float)) else repr(value)

    def data(self, data):
        if data is None:
            return None
        text = f"{len(data)}:{data.hex()}"
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}...{hash(data)}"

    def error(self, error):
        answer = {"error": dotted(error)}
        if self.blobs and hasattr(error, "_errs"):
            answer["failures"] = sorted(self.value(error._errs), key=repr)
            return answer
        if error.args:
            answer["args"] = self.value(error.args)
        told = {key: self.value(value) for key, value in vars(error).items() if not key.startswith("__")}
        if told:
            answer["told"] = told
        return answer

    def record(self, oid, tid, data, data_txn):
        return [u64(oid), self.tid(tid), self.data(data), self.tid(data_txn)]

    def transaction(self, item, records):
        told = [self.record(one.oid, one.tid, one.data, one.data_txn) for one in records]
        # A blob has two records, since clients send its record twice. The original writes the second ones at the
        # end, so that the order is another one; what each object has stays in order.
        once = [record for place, record in enumerate(told) if record not in told[:place]]
        if self.blobs:
            once.sort(key=lambda record: record[0])
        return {
            "tid": self.tid(item.tid),
            "status": item.status,
            "user": self.data(item.user),
            "description": self.data(item.description),
            "extension": self.value(item.extension),
            "records": once,
            "repeated": len(told) - len(once),
        }

    def entry(self, entry, extension=()):
        """One of the undo log or a history; the time is looked at by the caller."""
        return {key: self.value(value) for key, value in entry.items() if key != "time" or key in extension}
