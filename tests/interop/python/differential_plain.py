"""What servers answer, without what may differ: transaction ids by their place, times left out."""

import re

from ZODB.utils import u64, z64

HEX = re.compile(r"0x[0-9a-f]{14,16}")
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+")
SHOWN = 400


class Plain:
    """Knows the transactions of one storage in their order."""

    def __init__(self):
        self.tids = []
        self.places = {}

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
        named = HEX.sub(lambda found: self.tid(int(found[0], 16).to_bytes(8, "big")), text)
        return DATE.sub("DATE", named)

    def value(self, value):
        if isinstance(value, BaseException):
            return self.error(value)
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
        kind = type(error)
        answer = {"error": f"{kind.__module__}.{kind.__name__}"}
        if error.args:
            answer["args"] = self.value(error.args)
        told = {key: self.value(value) for key, value in vars(error).items() if not key.startswith("__")}
        if told:
            answer["told"] = told
        return answer

    def record(self, oid, tid, data, data_txn):
        return [u64(oid), self.tid(tid), self.data(data), self.tid(data_txn)]

    def transaction(self, item, records):
        return {
            "tid": self.tid(item.tid),
            "status": item.status,
            "user": self.data(item.user),
            "description": self.data(item.description),
            "extension": self.value(item.extension),
            "records": [self.record(one.oid, one.tid, one.data, one.data_txn) for one in records],
        }

    def entry(self, entry, extension=()):
        """One of the undo log or a history; the time is looked at by the caller."""
        return {key: self.value(value) for key, value in entry.items() if key != "time" or key in extension}
