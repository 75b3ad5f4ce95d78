"""Applications that merge conflicts themselves, with classes that the server knows nothing of."""

from BTrees.Length import Length
from peer import Opened, error_name, raised
from persistent import Persistent
from ZODB.blob import Blob


class Counter(Persistent):
    value = 0

    def _p_resolveConflict(self, old, saved, new):
        return dict(saved, value=saved["value"] + new["value"] - old["value"])


class Plain(Persistent):
    value = 0


def content(blob):
    with blob.open() as file:
        return file.read().decode()


def state(one):
    one.refresh()
    root = one.root
    return [root["length"](), root["counter"].value, root["plain"].value, content(root["blob"])]


def merge(address, folder):
    """Two applications change the same objects at the same time, one of them a blob, too."""
    with Opened(address, blob_dir=f"{folder}/one") as one, Opened(address, blob_dir=f"{folder}/two") as two:
        one.root.update(length=Length(10), counter=Counter(), plain=Plain(), blob=Blob(b"start"))
        one.root["counter"].value = one.root["plain"].value = 1
        one.commit()
        seen = []
        for number in range(3):
            one.refresh()
            two.refresh(one)
            for each, change in (two, 5), (one, 3):
                each.root["length"].change(change)
                each.root["counter"].value += change
            with one.root["blob"].open("w") as file:
                file.write(b"blob %d" % number)
            two.commit()
            one.commit()
            two.refresh(one)
            seen.append([state(one), state(two)])
        one.refresh()
        two.refresh()
        one.root["plain"].value, two.root["plain"].value = 2, 3
        one.root["counter"].value += 100
        two.commit()
        error = raised(one.commit)
        one.manager.abort()
        one.refresh(two)
        one.root["plain"].value = 4
        one.commit()
        two.refresh(one)
        status = two.storage.server_status()
        return {
            "seen": seen,
            "error": [error_name(error), getattr(error, "class_name", None)],
            "end": state(two),
            "left": [status["active_txns"], status["lock_time"], status["waiting"]],
        }
