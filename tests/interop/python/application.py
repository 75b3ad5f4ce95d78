"""A script as anybody would write it: ZEO.DB((host, port)) and nothing else.  usage: application.py HOST PORT"""

import sys

import persistent.list
import transaction
import ZEO

database = ZEO.DB((sys.argv[1], int(sys.argv[2])))
connection = database.open()
root = connection.root()
root["log"] = persistent.list.PersistentList()
transaction.commit()
for line in ["one", "two", "three"]:
    root["log"].append(line)
    transaction.commit()
root["log"].append("unwanted")
transaction.abort()
connection.close()
connection = database.open()
print(" ".join(connection.root()["log"]))
connection.close()
database.close()
