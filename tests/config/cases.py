"""The list of cases that `make_cases.py` runs, and what many of them have in common."""

CASES = []

ZEO = "<zeo>\naddress 8100\n</zeo>\n"
MAP = "<mappingstorage/>\n"
BASE = ZEO + MAP


def case(group, text, files=None, environment=None, args=(), differs=None, kind="server"):
    CASES.append(dict(
        group=group, text=text, files=files or {}, environment=environment or {}, args=list(args),
        differs=differs, kind=kind,
    ))
