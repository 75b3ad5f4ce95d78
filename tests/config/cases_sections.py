"""Cases: datatypes, and all sections but those of the log."""

from cases import BASE, MAP, ZEO, case

INTEGERS = [
    "5", "-5", "+5", " 5", "5_0", "0x10", "05", "1e3", "5.0", "", "１２", "5L", "1_", "_1", "1__0", "--5", "123456789012345", "٣", "+ 5", "00", "-0",
    "𝟙𝟚", "²", "①", "5 0", "0_5", "٣_٤", "1,000", "True", "0b1", "६",
]
SIZES = [
    "1", "1kb", "1KB", "1 mb", "1GB", "1b", "1.5mb", "-1mb", "mb", "1 m b", "1tb", "", "1k", "kb", "1_0kb", "+1kb", "1kbkb", "1  kb", "١kb", "1Kb", "0x1kb",
    "1\tkb", "1kbs", "1g", "1 ﬁ", "-1", "0", "0gb", "1mbgb", "1\u2003gb", "1\u212ab",
]
INTERVALS = ["1", "1s", "1m", "1h", "1d", "1 d", "1D", "1w", "1.5h", "", "s", "-1h", "1ms", "1hd", "1M", "1_0s", "5 m"]
BOOLEANS = ["yes", "TRUE", "On", "no", "false", "oFF", "1", "0", "", "y", "t", "yes no", "none", "ok", "ſ"]
FLOATS = [
    "5", "-5", "1.5", "1e3", ".5", "5.", "inf", "nan", "Infinity", "-inf", "1_0.0_1", "", "x", "0x1p3", "1e400", "infinit", "+nan", "１.5", "1 0", "1e",
    "1e+5", "1__0", "1e1_0", "._5", "1_.5", ".", "-.5e-3", "+.5", "e5", "1e5.0", "iNf", "--inf", "1E5", "- 5",
]
ADDRESSES = [
    "8100", ":8100", "localhost:8100", "LOCALhost:8100", "localhost", "0.0.0.0:8100", "[::1]:8100", "::1", "[::1]", "::", "[::1]:", "localhost:", "/run/zeo.sock",
    "tmp/sock", "./s", "sock", "a b", "", "65535", "65536", "0", "-1", "99999999", "x:y", "a:70000", "a:-1", "[::1]:x", "1:2:3", "FE80::1", "fe80::1%eth0",
    "[FE80::1%eth0]:80", "*:8100", "*", "a_b:1", " 8100", "8100 ", "+80", "8_0", "0x50", ":", "::1:8100", "[::1]8100", "[a:1", "a]:1", "host:8100:1", "[]:80", "[]",
    "é:80", "a b:80", "a/b c", "\\\\pipe", "a:80 ", "a: 80", "a :80", "１２", "12345678901", "[localhost]:80", "/", "~/x", "a:٣", "[::1]/:80", "a,b:80", "127.0.0.1",
    "127.1:80", "[::1]:８０", "É", "A:B:80", "[a]b]:80", "a\u2003b", "a:0", "a:+5", "a:5_0", "http://x", "a:\u2003", "[:80", "]:80", "[[::1]]:80",
]
PATHS = [
    "Data.fs", "./Data.fs", "data/Data.fs", "nope/Data.fs", "/nope/Data.fs", "/Data.fs", "~/Data.fs", "~/nope/x", "~nouser/Data.fs", "data/", "data", "", "nope/",
    "data/../x", "a b", "zeo.conf/x", '"data/x"', "~", "~nope", "~/", "data//x", "//x", "x~/y", "~x", "/",
]


def zeo(key, values, base="address 8100\n"):
    for value in values:
        head = "" if key == "address" else base
        case(f"<zeo> {key}", f"<zeo>\n{head}{key} {value}\n</zeo>\n" + MAP)


def zeo_section():
    zeo("address", ADDRESSES)
    zeo("read-only", BOOLEANS)
    zeo("invalidation-queue-size", INTEGERS)
    zeo("invalidation-age", FLOATS)
    zeo("transaction-timeout", INTEGERS)
    zeo("pid-filename", PATHS)
    zeo("client-conflict-resolution", BOOLEANS)
    zeo("msgpack", BOOLEANS)
    zeo("foo", ["x"])
    for keys in ["", "read-only no", "address 1\naddress 2", "address 1\nread-only no\nREAD-ONLY no", "address 1\n<zeo/>", "address 1\n<foo/>",
                 "address 1\nread_only yes", "ADDRESS 1", "<eventlog/>\naddress 1"]:
        case("<zeo>", f"<zeo>\n{keys}\n</zeo>\n" + MAP)
    for ssl in ["<ssl/>", "<ssl>\ncertificate x\n</ssl>", "<ssl>\nauthenticate x\n</ssl>", "<ssl>\ncertificate nope/y\nauthenticate y\n</ssl>",
                "<ssl>\ncertificate data/y\nkey nope/z\nauthenticate y\n</ssl>", "<ssl>\ncertificate x\nauthenticate y\nfoo z\n</ssl>",
                "<ssl>\ncertificate x\nauthenticate y\n<ssl/>\n</ssl>"]:
        case("<ssl>", f"<zeo>\naddress 1\n{ssl}\n</zeo>\n" + MAP)
    for key in ["max-message-size 1MB", "max-buffered 1MB", "monitor 8101", "max-connections 5"]:
        case("our own keys", f"<zeo>\naddress 1\n{key}\n</zeo>\n" + MAP, differs={"refused": False, "why": "our own key"})


def storage(kind, keys, group=None, **more):
    case(group or f"<{kind}>", ZEO + f"<{kind}>\n{keys}\n</{kind}>", **more)


def storage_sections():
    for path in PATHS:
        storage("filestorage", f"path {path}", "<filestorage> path")
        storage("filestorage", f"path x\nblob-dir {path}", "<filestorage> blob-dir")
    storage("filestorage", "path ~/x", environment={"HOME": "nope"})
    storage("filestorage", "path ~/x", environment={"HOME": ""})
    storage("filestorage", "path ~", environment={"HOME": "/"})
    storage("filestorage", "path ~/x", environment={"HOME": "/"})
    for size in SIZES:
        storage("filestorage", f"path x\nquota {size}", "<filestorage> quota")
    for value in BOOLEANS:
        for key in ("create", "read-only", "pack-gc", "pack-keep-old"):
            storage("filestorage", f"path x\n{key} {value}", f"<filestorage> {key}")
    for keys in ["", "path x\npacker a.b", "path x\npacker a:b c", "path x\npacker", "path x\nblob_dir x", "path x\npath y", "path x\nPack-Gc no", "path x\nname y",
                 "path x\n<mappingstorage/>", "PATH X\nBLOB-DIR Blobs", "path x\npack.gc no"]:
        storage("filestorage", keys)
    for keys in ["", "name x", "name", "name a\nname b", "path x", "<mappingstorage/>"]:
        storage("mappingstorage", keys)
    map_named = "<mappingstorage {}/>\n".format
    for keys in [
        "", "name y", MAP, map_named("changes"), map_named("CHANGES") + MAP, map_named("b") + MAP, MAP + MAP, MAP + map_named("changes") + map_named("b"),
        "<demostorage changes>\n" + MAP + "</demostorage>\n" + MAP, "<demostorage>\n" + MAP + MAP + "</demostorage>\n", "<eventlog/>", "path x",
        "<filestorage>\npath nope/x\n</filestorage>", "<filestorage>\npath x\nread-only yes\n</filestorage>\n<filestorage changes>\npath y\n</filestorage>",
        map_named("changes") + "<demostorage changes/>",
    ]:
        storage("demostorage", keys)
    for keys in ["", MAP, "blob-dir b", "blob-dir b\n" + MAP, "blob-dir nope/nope\n" + map_named("x"), "blob-dir b\n" + map_named("a") + map_named("b"),
                 "blob-dir b\n<blobstorage>\nblob-dir c\n" + MAP + "</blobstorage>", "blob-dir b\n<blobstorage>\n</blobstorage>", "blob-dir\n" + MAP,
                 "blob-dir b\nblob-dir c\n" + MAP]:
        storage("blobstorage", keys)
    for server in ADDRESSES:
        storage("zeoclient", f"server {server}", "<zeoclient> server")
    numbers = ["min-disconnect-poll", "max-disconnect-poll", "blob-cache-size-check"]
    flags = ["wait", "read-only", "read-only-fallback", "shared-blob-dir", "drop-cache-rather-verify"]
    texts = ["blob-dir", "storage", "name", "client", "var", "username", "password", "realm", "client-label"]
    for keys in (
        ["", "server 1\nserver 2\nserver /x/y\nserver foo\nserver ::1", "server", "server a:1 b:2", "server 1\nblob-cache-size-check 10%", "server 1\nfoo x",
         "server 1\n" + MAP, "server 1\ncache-size 1 kb", "server 1\ncache-size 1.5mb", "server 1\nblob-cache-size 3MB", "server 1\nblob-cache-size x",
         "server 1\nwait-timeout 5", "server 1\nssl x", "server 1\nstorage", "server 1\nstorage Main"]
        + [f"server 1\n{key} {value}" for key in numbers for value in ("7", "x", "1.5", "")]
        + [f"server 1\n{key} {value}" for key in flags for value in ("yes", "off", "1", "")]
        + [f"server 1\n{key} {value}" for key in texts for value in ("Some text", "")]
    ):
        storage("zeoclient", keys)


def runner_section():
    for keys in [
        "", "umask 777", "umask 8", "umask 0o22", "umask -1", "umask", "umask 1_0", "umask 99", "umask ٣", "umask 0", "exit-codes 1", "exit-codes 1,2, 3",
        "exit-codes 1 2", "exit-codes", "exit-codes a", "exit-codes ,", "exit-codes 1,", "python /nope", "python data", "python zeo.conf", "python",
        "socket-name nope/x", "socket-name nope/nope/x", "socket-name data/x", "socket-name /nope/x", "socket-name /nope/nope/x", "socket-name", "socket-name x",
        "socket-name data/nope/x", "directory nope", "directory data", "directory nope/x", "directory data/x", "directory /nope/nope/x", "directory /nope", "directory",
        "directory ~", "directory ~/x", "directory zeo.conf", "logfile nope/x", "logfile data/x", "transcript x", "transcript nope/x", "user nope", "user",
        "prompt x y", "backoff-limit x", "backoff-limit 3", "hang-around maybe", "hang-around yes", "forever yes", "daemon off", "default-to-interactive no",
        "<eventlog/>", "<logger/>", "<logger>\nname x\n</logger>", "<logger>\nname a-b\n</logger>", "<eventlog/>\n<logger/>", "<eventlog>\nname x\n</eventlog>",
        "<logger>\nname x.y\npropagate no\nlevel 5\n<logfile>\npath STDOUT\n</logfile>\n</logger>", "start-test-program a b", "start-test-program",
        "start-timeout 1", "stop-timeout x", "program x", "zdrun /nope", "zdrun zeo.conf", "foo x", "<zodb/>", MAP, "<environment>\nA b\n</environment>",
    ]:
        case("<runner>", BASE + f"<runner>\nprogram a b  c\n{keys}\n</runner>")
    for runner in ["<runner>\nprogram\n</runner>", "<runner x>\nprogram x\n</runner>", "<runner>\nprogram x\n</runner>\n<runner y>\nprogram x\n</runner>"]:
        case("<runner>", BASE + runner)


def databases():
    def zodb(keys, group="<zodb>", **more):
        case(group, f"<zodb>\n{keys}\n<mappingstorage/>\n</zodb>", kind="database", **more)

    for keys in ["", "cache-size 1000MB", "cache-size 1000", "cache-size-bytes 1MB", "large-record-size 1 gb", "pool-size x", "pool-timeout 5m", "pool-timeout 1w", "historical-timeout 2h",
                 "database-name main", "database-name", "allow-implicit-cross-references no", "allow-implicit-cross-references 1", "class-factory 1a", "foo x", "historical-pool-size 1",
                 "historical-cache-size 1", "historical-cache-size-bytes 1kb", "cache-size 1\ncache-size 1", "<mappingstorage/>", "<mappingstorage x/>"]:
        zodb(keys)
    for interval in INTERVALS:
        zodb(f"pool-timeout {interval}", "time-interval")
    for text in ["", "<zodb/>", "<zodb x>\n<mappingstorage/>\n</zodb>\n<zodb y>\n<mappingstorage/>\n</zodb>", "<zodb>\n<mappingstorage/>\n</zodb>\n<zodb>\n<mappingstorage/>\n</zodb>",
                 "<zodb x>\n<mappingstorage/>\n</zodb>\n<zodb x>\n<mappingstorage/>\n</zodb>", "<zodb>\n<mappingstorage/>\n</zodb>\n<mappingstorage/>", "<zodb>\n<zodb/>\n</zodb>",
                 "<zodb>\n<clientstorage>\nserver 1\n</clientstorage>\n</zodb>"]:
        case("<zodb>", text, kind="database")
    for keys in (
        ["", "server 1", "server 1\nserver a.b:5\nserver /x/y", "server", "server 1\n<ssl/>", "server 1\n<ssl>\ncertificate nope/x\n</ssl>", "server 1\nwait yes", "server 1\nwait-timeout 5",
         "server 1\nwait-timeout 5s", "server 1\ncache-path x/y", "server 1\nserver-sync on", "server 1\nserver-sync 1", "server 1\ncache-size 10MB", "server 1\nblob-dir b\nshared-blob-dir yes",
         "server 1\nblob-cache-size 1gb\nblob-cache-size-check 20", "server 1\nread-only yes\nread-only-fallback yes", "server 1\nclient-label me\nname n\nstorage s", "server 1\nvar x"]
    ):
        case("<clientstorage>", f"%import ZEO\n<zodb>\n<clientstorage>\n{keys}\n</clientstorage>\n</zodb>", kind="database")
