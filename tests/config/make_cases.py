#!/usr/bin/env python3
"""Runs configurations through the original ZEO and records what becomes of them, in tests/fixtures/config_cases.json.

    pip install ZEO zc.zlibstorage
    python tests/config/make_cases.py

Each case is run in an empty directory that has a directory `data` in it, and that is the home directory.

A case with "differs" is one where we mean to do something else: it says what and why.
"""

import contextlib
import io
import json
import os
import pathlib
import shutil
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

import ZConfig
import ZODB.config
from ZConfig.matcher import SectionValue
from ZEO.runzeo import ZEOOptions

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parent / "fixtures" / "config_cases.json"

CASES = []

ZEO = "<zeo>\naddress 8100\n</zeo>\n"
MAP = "<mappingstorage/>\n"
BASE = ZEO + MAP


def case(group, text, files=None, environment=None, args=(), differs=None, kind="server"):
    CASES.append(dict(
        group=group, text=text, files=files or {}, environment=environment or {}, args=list(args),
        differs=differs, kind=kind,
    ))


# --- what the original makes of a case -------------------------------------------------------------------------

def plain(value):
    """A value of the original as JSON, in the terms of the test."""
    if isinstance(value, SectionValue):
        section = {"type": value.getSectionType(), "section": value.getSectionName()}
        for attribute in value.getSectionAttributes():
            section[attribute] = plain(getattr(value, attribute))
        return section
    if hasattr(value, "config"):  # storages
        return plain(value.config)
    if hasattr(value, "handler_factories"):  # loggers
        names = ("level", "propagate", "name")
        logger = {name: getattr(value, name) for name in names if hasattr(value, name)}
        return {**logger, "handlers": [plain(factory) for factory in value.handler_factories]}
    if hasattr(value, "section"):  # handlers
        return plain(value.section)
    if hasattr(value, "family"):
        return address(value.address)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, (str, int, float, type(None))):
        return value
    return {"object": type(value).__name__}


def address(value):
    return value if isinstance(value, (str, type(None))) else list(value)


def run_server(args):
    options = ZEOOptions()
    options.realize(args)
    if options.configroot is not None:
        zeo = plain(options.configroot.zeo)
        # What the command line says wins.
        zeo["address"] = address(options.address)
        zeo["transaction_timeout"] = plain(options.transaction_timeout)
        zeo["pid_filename"] = options.pid_file
        runner = plain(options.configroot.runner)
    else:
        zeo = runner = None
    storages = []
    for storage in options.storages:
        if isinstance(getattr(storage, "config", None), SectionValue):
            storages.append({**plain(storage), "name_of_storage": storage.name})
        else:
            storages.append({"type": "filestorage", "path": storage.config.path, "name_of_storage": storage.name})
        check_nesting(storage)
    return {
        "zeo": zeo,
        "address": address(options.address),
        "timeout": plain(options.transaction_timeout),
        "pid_file": options.pid_file,
        "test": bool(options.testing_exit_immediately),
        "storages": storages,
        "eventlog": plain(options.config_logger) if getattr(options, "config_logger", None) else None,
        "runner": runner,
    }


def check_nesting(storage):
    """What the original finds only when it opens storages, without opening them."""
    config = getattr(storage, "config", None)
    if not isinstance(config, SectionValue):
        return  # made from -f
    kind = config.getSectionType()
    if kind in ("fullstorage", "minimalstorage"):
        raise ValueError("BerkeleyDB")
    if kind == "demostorage":
        if len([f for f in config.factories if f.name != "changes"]) > 1:
            raise ValueError("Too many base storages defined!")
        for factory in config.factories:
            check_nesting(factory)
    if kind in ("blobstorage", "zlibstorage", "serverzlibstorage"):
        if config.base is None:
            raise ValueError("no base")
        check_nesting(config.base)


def run_database(text):
    config, _ = ZConfig.loadConfigFile(ZODB.config.getDbSchema(), io.StringIO(text))
    if any(database.config.storage is None for database in config.database):
        raise ValueError("no storage")
    return {"databases": [plain(database) for database in config.database]}


def run(case):
    directory = tempfile.mkdtemp()
    before, environment = os.getcwd(), dict(os.environ)
    try:
        os.chdir(directory)
        os.mkdir("data")
        for name in ("ZEO_MSGPACK", "INSTANCE_HOME"):
            os.environ.pop(name, None)
        os.environ["HOME"] = "data"
        os.environ.update(case["environment"])
        files = dict(case["files"])
        if case["text"] is not None:
            files["zeo.conf"] = case["text"]
        for path, text in files.items():
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(path).write_bytes(text.encode("utf-8", "surrogatepass"))
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if case["kind"] == "database":
                return {"values": run_database(case["text"])}
            file = [] if case["text"] is None else ["-C", "zeo.conf"]
            return {"values": run_server(file + case["args"])}
    except SystemExit as exit:
        return {"values": "exit 0"} if exit.code == 0 else {"refused": True}
    except Exception as error:
        if os.environ.get("VERBOSE"):
            print(f"{case['text']!r}: {type(error).__name__}: {error}", file=sys.__stderr__)
        return {"refused": True}
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
        shutil.rmtree(directory)


# --- cases: syntax ---------------------------------------------------------------------------------------------

def syntax():
    for section in [
        "<mappingstorage>\n</mappingstorage>", "<mappingstorage/>", "<mappingstorage x/>", "<mappingstorage />",
        "<mappingstorage x />", "<mappingstorage x y/>", "<mappingstorage>\n</MAPPINGSTORAGE>",
        "<MappingStorage FoO>\n</mappingstorage>", "<mappingstorage foo>\n</mappingstorage foo>",
        "<mappingstorage>\n</mappingstorage >", "< mappingstorage>\n</mappingstorage>",
        "<mappingstorage  x >\n</mappingstorage>", "<mappingstorage x>\n</ mappingstorage>",
        "<mappingstorage *>\n</mappingstorage>", "<mappingstorage +/>", "<mappingstorage $x/>",
        "<mappingstorage a-b.c_1/>", "<mappingstorage ä/>", "<mappingstorage Ä/>", "<mappingstorage a(b)/>",
        "<mappingstorage 1/>", "<mappingstorage> #c\n</mappingstorage>", "<mappingstorage\n>",
        "<mappingstorage>", "<mappingstorage>\n</filestorage>", "</mappingstorage>", "<mappingstorage>\n</mappingstorage",
        "<mappingstorage>\n</>", "<mappingstorage>\n</", "<", ">", "<>", "</>", "<<mappingstorage>>",
        "<mappingstorage a=b/>", "<mappingstorage a/b/>", "<mappingstorage a>b/>", "<mappingstorage x>>\n</mappingstorage>",
        "<mappingstorage x//>", "<mappingstorage//>", "<mappingstorage/x>\n</mappingstorage/x>", '<mappingstorage "a b"/>',
        "<mappingstorage>\n<mappingstorage/>\n</mappingstorage>", "<mapping_storage/>",
        "<mappingstorage>\x0c\n</mappingstorage>", "<mappingstorage>\x0bname x\n</mappingstorage>",
        "\u00a0<mappingstorage/>", "\x1c<mappingstorage/>\x85", "<mappingstorage\u2003x\u3000/>", "\ufeff<mappingstorage/>",
        "<mappingstorage>\r\nname x\r\n</mappingstorage>\r\n", "<mappingstorage>\rname x\r</mappingstorage>",
        "  <mappingstorage>\n\t# comment\n\n   #\n</mappingstorage>", "<mappingstorage a/>\n<mappingstorage A/>",
        "<mappingstorage/>\n<mappingstorage/>", "<mappingstorage/>\n<mappingstorage 1/>",
        "<mappingstorage/>\n<mappingstorage 2/>", "<mappingstorage 2/>\n<mappingstorage 1/>",
        "<mappingstorage 2/>\n<eventlog 2/>", "<mappingstorage x/>\n<demostorage x/>",
        "<filestorage x>\npath a\n</filestorage>\n<mappingstorage/>", "<mappingstorage x> y\n</mappingstorage>",
    ]:
        case("section syntax", ZEO + section)
    for key in [
        "name", "name  a  b ", "NAME X", "name = X", "name=X", " name\tX", "(name X", "name(X) y", "name a # b", "#name x",
        "name #x", "name a\nname b", "name a\nname a", "name a\\\nb", "name <x>", "name >", "1foo x", "foo x", "foo", "-a x",
        "na-me x", "name a\x85b", "name a\u2028b", "name \u2028b", "name\u3000b", "name x\ufeff", "\ufeffname x", "name )", ")",
        "name a\x00b", "name é", "nàme x", "name_ x", ".name x", "name\x1fx", "name\rx", "name \"x\"", "name 'x y'",
    ]:
        case("key syntax", ZEO + f"<mappingstorage>\n{key}\n</mappingstorage>")
    for line in [
        "foo bar", "<mapping>\n</mapping>", "<ssl/>", "<logger/>", "<logfile>\npath x\n</logfile>", "<zodb/>", "</zeo>",
        "<zeo>\naddress 2\n</zeo>", "<zodb.storage/>", "<zodb.storage x/>", "<zconfig.logger.log/>", "<clientstorage/>",
        "<zlibstorage>\n<mappingstorage/>\n</zlibstorage>", "<eventlog/>\n<eventlog/>", "<eventlog/>", "<eventlog x/>",
        "<runner/>", "<fullstorage x>\nenvdir x\n</fullstorage>", "<minimalstorage x>\nenvdir x\n</minimalstorage>",
        "<environment>\nA b\n</environment>", "<environment/>",
    ]:
        case("top level", BASE + line)
    for text in ["", "\n", "# nothing", ZEO, MAP, "<zeo/>\n" + MAP, ZEO + ZEO, "<zeo x>\naddress 1\n</zeo>\n<mappingstorage/>",
                 "<zeo x>\naddress 1\n</zeo>\n<mappingstorage x/>", "\x00", "<zeo>\naddress 1\n<mappingstorage/>\n</zeo>"]:
        case("top level", text)


def directives():
    for line in [
        "%foo", "% foo", "%", "%%", "%define", "%define  ", "%define a", "%define a b", "%define a b\n%define A b",
        "%define a b\n%define a c", "%define a b\n%define a  b ", "%define 1a b", "%define a-b c", "%define $a b", "%define ä x",
        "%definea b", "%DEFINE a b", "  %define a b", "%define\ta\tb", "%define a\n%define a x", "%define a x\n%define b $a",
        "%define a $a", "%define a $nope", "%define a $", "%define a $$", "%define _ x", "%define a.b x", "%define_ x", "%define1 x",
        "%import", "%include", "%define a x\n%define a $a", "%define a x\n%define a $$x", "%include ", "%import  ",
    ]:
        case("directives", line + "\n" + BASE)
        if "import" not in line and "include" not in line:
            case("directives", ZEO + "<mappingstorage>\n" + line + "\n</mappingstorage>")
    for package in [
        "ZODB", "zc.zlibstorage", "zdaemon", "ZConfig.components.logger", "ZConfig.components.basic", "nope.x", ".ZEO", "os", "zc",
        "ZEO.asyncio", "a b", "$p", "$nope", "-", "email", "zc.zlibstorage\n%import zc.zlibstorage", "zodb",
    ]:
        case("import", f"%define p zc.zlibstorage\n%import {package}\n" + BASE)
    case("import", "%import ZEO\n" + BASE, differs={"refused": False, "why": "the original has two sections named ssl"})
    zlib = "<zlibstorage>\n<mappingstorage/>\n</zlibstorage>\n"
    load = "%import zc.zlibstorage\n"
    for text in [load + ZEO + zlib, ZEO + zlib + load, ZEO + load + zlib, ZEO + zlib,
                 ZEO + "<demostorage>\n" + load + zlib + "</demostorage>",
                 ZEO + "<demostorage>\n" + zlib + load + "</demostorage>",
                 ZEO + "<demostorage>\n" + load + "</demostorage>\n" + zlib.replace("<zlibstorage>", "<zlibstorage z>"),
                 load + ZEO + "<zlibstorage>\ncompress no\n</zlibstorage>",
                 load + ZEO + "<zlibstorage>\ncompress maybe\n<mappingstorage/>\n</zlibstorage>",
                 load + ZEO + "<serverzlibstorage x>\ncompress no\n<mappingstorage/>\n</serverzlibstorage>",
                 load + ZEO + "<zlibstorage>\n<mappingstorage/>\n<mappingstorage x/>\n</zlibstorage>"]:
        case("import", text)
    case("import", "%include a.inc\n" + ZEO + zlib, files={"a.inc": load})


def includes():
    a = "%define a b\n"
    for argument, files in [
        ("a.inc", {"a.inc": a}), ("./a.inc", {"a.inc": a}), ("sub/../a.inc", {"a.inc": a, "sub/x": ""}), ("a b.inc", {"a b.inc": a}),
        ("a%20b.inc", {"a b.inc": a}), ("a%20b.inc", {"a%20b.inc": a}), ('"a.inc"', {"a.inc": a}), ("a.inc#x", {"a.inc": a}),
        ("file:a.inc", {"a.inc": a}), ("file:sub/a.inc", {"sub/a.inc": a}), ("nope.inc", {}), ("foo:bar", {"foo:bar": a}), ("sub", {"sub/a": a}),
        ("http:", {}), ("package:nope:x", {}), ("$f", {"$f": a}), ("$$f", {"$f": a}), ("~/a.inc", {"data/a.inc": a}), ("A.INC", {"a.inc": a}),
        ("%61.inc", {"a.inc": a}), ("100%.inc", {"100%.inc": a}), ("sub/a.inc", {"sub/a.inc": "%include b.inc\n", "sub/b.inc": a}),
        ("sub/a.inc", {"sub/a.inc": "%include b.inc\n", "b.inc": a}), ("sub/a.inc", {"sub/a.inc": "%include ../b.inc\n", "b.inc": a}),
        ("sub//a.inc", {"sub/a.inc": a}), ("a.inc ", {"a.inc": a}), ("%2e/a.inc", {"a.inc": a}), ("../nope/a.inc", {}),
    ]:
        case("include", f"%include {argument}\n" + BASE, files)
    case("include", "%define f a.inc\n%include $f\n" + ZEO, {"a.inc": MAP})
    case("include", "%include a.inc\n" + ZEO, {"a.inc": MAP})
    case("include", "%include a.inc\n" + ZEO, {"a.inc": "<mappingstorage/>"})
    case("include", "%include a.inc\n%include a.inc\n" + ZEO, {"a.inc": MAP})
    case("include", "%include a.inc\n%include a.inc\n" + BASE, {"a.inc": a})
    case("include", "%define n q\n%include a.inc\n" + ZEO + "<mappingstorage>\nname $m\n</mappingstorage>", {"a.inc": "%define m $n\n"})
    case("include", ZEO + "<mappingstorage>\n%include a.inc\n</mappingstorage>", {"a.inc": "name foo\n"})
    case("include", ZEO + "<mappingstorage>\n%include a.inc\n", {"a.inc": "name foo\n</mappingstorage>\n"})
    case("include", ZEO + "%include a.inc\n</mappingstorage>", {"a.inc": "<mappingstorage>\n"})
    case("include", ZEO + "<demostorage>\n%include a.inc\n</demostorage>", {"a.inc": MAP})
    case("include", "%include zeo.conf\n" + BASE)
    case("include", "%include a.inc\n" + BASE, {"a.inc": "%include b.inc\n", "b.inc": "%include a.inc\n"})
    case("include", "%include a.inc\n" + BASE, {"a.inc": "foo bar\n"})


def substitutions():
    defines = "%define a x\n%define b ${a}y\n%define e\n%define Mixed m\n"
    environment = {"X": "val$a", "EMPTY": "", "lower": "l"}
    for value in [
        "$a", "${a}", "$A", "${A}b", "$$", "$$a", "$", "$ ", "a$", "$1", "${", "${a", "${}", "${ a}", "${a }", "$(", "$(X", "$(X)", "$(x)", "$()",
        "$(NOPE)", "$b", "$e", "[$e]", "$a$a", "$a-b", "$a.b", "$nope", "${nope}", "$$$a", "$$$", "$$$$", "$(X)$a", "${X}", "$(X-Y)", "$(1)", "${1}",
        "${a-b}", "$é", "$_a", "$aé", "$(EMPTY)", "$(lower)", "$mixed", "$MIXED", "${a}}", "$(X))", "${{a}}", "$a$", "$ a", "$-", "$(a)", "$a b $b", "x$a",
        "$(X ", "${a)", "$(X}", "$ab", "$\u0061",
    ]:
        case("substitution", defines + ZEO + f"<mappingstorage>\nname {value}\n</mappingstorage>", environment=environment)
    case("substitution", "%define a $$b\n%define b z\n" + ZEO + "<mappingstorage>\nname $a\n</mappingstorage>")
    case("substitution", ZEO + "<mappingstorage>\nname $a\n</mappingstorage>\n%define a x")
    case("substitution", "%define p 81\n%define q 00\n<zeo>\naddress localhost:$p$q\n</zeo>\n" + MAP)
    case("substitution", "%define k name\n" + ZEO + "<mappingstorage>\n$k x\n</mappingstorage>")


# --- cases: datatypes and sections -----------------------------------------------------------------------------

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


def handler(kind, keys, head="", group=None, **more):
    case(group or f"<{kind}>", BASE + f"<eventlog>\n{head}<{kind}>\n{keys}\n</{kind}>\n</eventlog>", **more)


def log_sections():
    handler("logfile", "path stdout\nencoding utf-8")
    for keys in [
        "path x.log", "", "path STDOUT", "path STDERR\nmax-size 1\nold-files 2", "path STDERR\ndelay true", "path STDOUT\nencoding utf-8",
        "path STDERR\nwhen D\nold-files 1", "path STDERR\nold-files 1", "path STDERR\nmax-size 1", "path STDERR\nwhen D", "path STDERR\ninterval 1",
        "path x\nold-files 1", "path x\nmax-size 1", "path x\nwhen D", "path x\nwhen D\nold-files 3", "path x\nwhen d\nold-files 3", "path x\nwhen X\nold-files 3",
        "path x\nwhen W7\nold-files 3", "path x\nwhen w6\nold-files 3", "path x\nwhen W0\nold-files 3", "path x\nwhen W\nold-files 3",
        "path x\nwhen MIDNIGHT\nold-files 3", "path x\nwhen midnight\nold-files 3", "path x\ninterval 3", "path x\ninterval 3\nold-files 3",
        "path x\ninterval 3\nmax-size 1\nold-files 3", "path x\nwhen D\nmax-size 1\nold-files 3", "path x\nold-files -1", "path x\nencoding nope",
        "path x\nencoding latin-1", "path x\nencoding UTF-8", "path x\nencoding ascii", "path x\ndelay yes", "path x\nwhen D\ninterval 0\nold-files 1",
        "path x\nwhen H x\nold-files 1", "path x\nmax-size 1 mb\nold-files 5", "path x\nmax-size 1.5mb\nold-files 5", "path x\nwhen\nold-files 0", "path x\nfoo y",
        "path x\n<logfile>\npath y\n</logfile>", "path x\npath y", "path x\nwhen S\nold-files 2\ninterval 30", "path x\nwhen m\nold-files 2\ninterval 30",
        "path x\ndateformat %Y", "path x\ndateformat", "path STDOUT\nlevel nope",
    ]:
        handler("logfile", keys)
    fields = (
        "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created msecs relativeCreated thread threadName "
        "processName process message asctime foo color"
    ).split()
    for field in fields:
        for code in "sdfxgc":
            handler("logfile", f"path STDOUT\nformat %({field}){code}", group="format classic")
        handler("logfile", f"path STDOUT\nstyle format\nformat {{{field}}}", group="format format")
        handler("logfile", f"path STDOUT\nstyle template\nformat $${field}", group="format template")
        handler("logfile", f"path STDOUT\nstyle safe-template\nformat $${{{field}}}", group="format template")
    for text in ["%(message)s", "%(foo", "%s", "%", "%%", "x", "", "%(message)", "%(message)s %", "%(message)s %%", "%(process)5d", "%(message)-10.3s", "%(levelno)03d", "%()s",
                 "%(message)q", "%(message)s %(", "\\n%(message)s\\t", "\\\\n%(message)s", "%(message)s\\x", "$$(message)s", "%(created)+.3f", "%(message)r %(name)a", "%(levelno)i",
                 "%(levelno)u", "%(message) s", "%(Message)s", "% (message)s", "%(message)#s", "%(msecs)03d"]:
        handler("logfile", f"path STDOUT\nformat {text}", group="format classic")
    handler("logfile", "path STDOUT\nformat %(foo)s\narbitrary-fields yes", group="format classic")
    handler("logfile", "path STDOUT\nformat %(foo\narbitrary-fields yes", group="format classic")
    handler("logfile", "path STDOUT\nformat x\narbitrary-fields yes", group="format classic")
    for text in ["{message}", "{message!r:>10}", "{}", "{0}", "{", "}", "x", "{message:d}", "{levelno:d}", "{levelno:>8}", "{created:.3f}", "{{message}}", "{{{message}}}", "{message",
                 "{message!x}", "{message:<10.3s}", "{levelno:x}", "{levelno:s}", "{created:x}", "{levelno:,}", "{message:,}", "", "%(message)s", "{message:q}", "{levelno:+}", "{message:+}",
                 "{levelno!s:>5}", "{levelno!s:d}", "{asctime:>30}"]:
        handler("logfile", f"path STDOUT\nstyle format\nformat {text}", group="format format")
    handler("logfile", "path STDOUT\nstyle format\nformat {foo}\narbitrary-fields yes", group="format format")
    for text in ["$$message", "$${message}", "$$", "x", "$${message} $$$$", "$$1", "$${", "$${foo", "", "$$message$$", "$$Message", "$$messages", "$${message}s"]:
        for style in ("template", "safe-template"):
            trips = style == "safe-template" and text == ""
            handler("logfile", f"path STDOUT\nstyle {style}\nformat {text}", group="format template",
                    differs={"refused": False, "why": "the original fails an assertion"} if trips else None)
    for style in ("nope", "CLASSIC", "%", "{", "$$", "", "Safe-Template"):
        handler("logfile", f"path STDOUT\nstyle {style}\nformat %(message)s", group="format style")
    for style in ("classic", "format", "template", "safe-template"):
        handler("logfile", f"path STDOUT\nstyle {style}", group="format style")
    levels = ["info", "INFO", "Warn", "warning", "critical", "fatal", "error", "blather", "debug", "trace", "all", "notset", "0", "50", "51", "-1", "25", "x", "", "1_0", "+5", "٣", " 7"]
    for level in levels:
        handler("logfile", f"path STDOUT\nlevel {level}", group="level")
        case("level", BASE + f"<eventlog>\nlevel {level}\n</eventlog>")
    for name in ("1a", "a-b", "", "a.", "aé", ".a", "a..b", "a b"):
        handler("logfile", f"path STDOUT\nformatter {name}", group="formatter")
    handler("logfile", "path STDOUT\nformatter logging.Formatter", group="formatter")
    handler("logfile", "path STDOUT\nformatter nope.x", group="formatter",
            differs={"refused": False, "why": "nothing is imported, so nothing is found missing"})
    facilities = ("auth authpriv cron daemon kern lpr mail news security syslog user uucp ftp ntp console local0 local1 local2 local3 local4 local5 local6 local7 local8 "
                  "MAIL nope 3").split() + [""]
    for keys in ["", "address localhost", "address /nope/log", "address localhost:x", "address [::1]:514", "address", "address a/b", "format %(message)s", "foo x"] + [
            f"facility {facility}" for facility in facilities]:
        handler("syslog", keys)
    urls = ("https://x/ http://x/y?z http:// /x http://x:80 http://x:80/ x http:x http://u:p@x/y#z http://x/y;z HTTP://x/y http:///y http://x http://x?y http://x/?y http://x#/y "
            "ftp://x/y //x/y http://[::1]/x").split() + [""]
    for keys in ["", "method post", "method PUT", "method Get", "method", "foo x"] + [f"url {url}" for url in urls]:
        handler("http-logger", keys)
    for keys in [
        "from a\nto b", "from a\nto b\nto c\nto b", "to b", "from a", "from a\nto b\nsmtp-username x", "from a\nto b\nsmtp-password x", "from a\nfrom b\nto c",
        "from a\nto b\nsmtp-username x\nsmtp-password y", "from a\nto b\nsmtp-server x:y", "from a\nto b\nsmtp-server a/b", "from a\nto b\nsmtp-server 25",
        "from a\nto b\nsmtp-server :25", "from a\nto b\nsmtp-server Host", "from\nto", "from a\nto b, c\nsubject x\\n", "from a\nto b\nsmtp-server ::1",
        "from a\nto b\nsmtp-server [::1]:25", "from a\nto b\nsmtp-server", "from a\nto b\nsubject", "from a\nto b\nformat %(foo)s",
    ]:
        handler("email-notifier", keys)
    for keys in ["", "appname x", "appname", "appname x\nappname y"]:
        handler("win32-eventlog", keys)
    stdout = "<logfile{}>\npath STDOUT\n</logfile>\n".format
    for text in ["<logger/>", stdout(" a") + stdout(" A"), stdout(" a") + stdout(" b"), stdout("") + stdout(""), "propagate no", "name x", "<zconfig.logger.handler/>",
                 "<zconfig.logger.base-log-handler/>", "foo x", "level 15", "level info\nlevel info"]:
        case("<eventlog>", BASE + f"<eventlog>\n{text}\n</eventlog>")


# --- cases: overrides and command line -------------------------------------------------------------------------

def overrides():
    base = "<zeo>\naddress 1\nread-only no\n</zeo>\n<mappingstorage/>\n<mappingstorage b/>\n"
    demo = "<demostorage d>\n<mappingstorage e>\n</mappingstorage>\n</demostorage>\n"
    client = "<zeoclient c>\nserver 1\nserver 2\n</zeoclient>\n"
    for option in [
        "zeo/read-only=true", "zeo/read-only=maybe", "zeo/transaction-timeout=5", "ZEO/read-only=yes", "zeo/READ-ONLY=yes", "nope/read-only=yes", "zeo/nope=1", "read-only=yes",
        "zeo/read-only", "zeo/read-only=", "/zeo/read-only=yes", "zeo//read-only=yes", "mappingstorage/name=x", "b/name=x", "B/name=x", "zeo/address=localhost:5", "zeo/x/y=1", "=", "",
        "zeo=1", "b/name=$x", "b/name=$", "b/name= x y ", "b/name=a=b", "mappingstorage/b/name=x", "zeo/ read-only=yes", "zeo/read_only=yes", " zeo/read-only=yes", "filestorage/path=x",
        "zeo/1a=b", "b/name=$$", "b/name=", "zeo/address=x:y",
    ]:
        case("-X", base, args=["-X", option])
    for text, options in [
        (base, ["zeo/read-only=yes", "zeo/read-only=no"]), (base, ["b/name=yes", "mappingstorage/name=no"]), ("%define x q\n" + base, ["b/name=$x"]),
        (base + demo, ["demostorage/e/name=q"]), (base + demo, ["d/mappingstorage/name=q"]), (base + demo, ["e/name=q"]), (base + demo, ["d/name=q", "d/e/name=r"]),
        (base + client, ["c/server=3"]), (base + client, ["c/server=3", "c/server=4"]), (base + "<zeoclient c/>\n", ["c/server=3"]),
        ("<zeo>\n</zeo>\n" + MAP, ["zeo/address=3"]), ("<zeo/>\n" + MAP, ["zeo/address=3"]), (base + "<eventlog/>", ["eventlog/level=5"]),
        (base, ["b/name=x", "b/name=y"]), (base, ["zeo/read-only=yes", "zeo/transaction-timeout=1"]), (None, ["zeo/address=3"]),
        ("<zeo>\naddress x:y\n</zeo>\n" + MAP, ["zeo/address=3"]),
    ]:
        case("-X", text, args=[part for option in options for part in ("-X", option)])


def command_line():
    base = "<zeo>\naddress 1\ntransaction-timeout 7\npid-filename p.pid\n</zeo>\n<mappingstorage main/>\n"
    for args in [
        ["-a", "x:5"], ["-a", "1", "-a", "2"], ["--address", "5"], ["--address=5"], ["--addr", "5"], ["-a", ""], ["-a", "a:x"], ["-f", "x"], ["-f", "x", "-f", "y"], ["--filename", "nope/x"],
        ["-t", "5"], ["-t", "5.5"], ["-t", "abc"], ["-t", ""], ["--timeout", "1e3"], ["-t", "inf"], ["--pid-file", "p"], ["--pid-file", "nope/p"], ["--test"], ["x"], ["-z"], ["--nope"], ["-a"],
        ["-t", "5", "-t", "6"], ["--read-only"], ["-C", "other.conf"], ["-h"], ["--version"], ["--help"], ["-d"], ["-C"], ["--", "x"], ["-a5"], ["-t5"], ["--f", "x"], ["--t", "5"], ["--te"],
        ["-a", "5", "--test=1"], ["--monitor", "1"], ["-m", "1"], ["-t", "-5"], ["--pid", "p"], ["--ti", "3"], ["-a", "a/b"], ["-a", "localhost"], ["-X"], ["-hC", "x"], ["-h", "x"], ["-h", "-z"],
        ["--pid-file", "p", "--pid-file", "q"], ["--test", "--test"], ["--h"], ["--v"], ["-"], ["--"], ["-a", "--"], ["-f", "-x"], ["--filename="], ["-a", "-f"], ["--address"], ["-ta", "5"],
    ]:
        differs = {"refused": True, "why": "there is no such file name"} if args == ["--filename="] else None
        case("command line", base, args=args, differs=differs)
    case("command line", base, args=["-v"], differs={"refused": False, "why": "-v is short for --version here"})
    case("command line", base, args=["-f", ""], differs={"refused": True, "why": "there is no such file name"})
    for args in [[], ["-a", "x:5"], ["-f", "x"], ["-a", "5", "-f", "x"], ["-a", "5", "-f", "x", "-f", "x"], ["-a", "5", "-f", "x", "-t", "3"], ["-a", "5", "-f", "nope/x"], ["-a", "5", "-f", "~/x"],
                 ["-t", "3"], ["--test"], ["-h"], ["-C", "nope.conf"], ["-C", "data"], ["--configure", "nope.conf"]]:
        case("command line", None, args=args)
    case("command line", None, {"other.conf": BASE}, args=["-C", "other.conf"])
    case("command line", None, {"other.conf": BASE}, args=["--configure=other.conf"])
    case("command line", None, {"sub/other.conf": "%include more.inc\n" + BASE, "sub/more.inc": "%define a b\n"}, args=["-C", "sub/other.conf"])
    case("command line", None, {"a b%20.conf": BASE}, args=["-C", "a b%20.conf"])


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


def shortened(value):
    """Without what isn't set."""
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items() if item is not None}
    return [shortened(item) for item in value] if isinstance(value, list) and value and isinstance(value[0], dict) else value


def main():
    for make in (syntax, directives, includes, substitutions, zeo_section, storage_sections, runner_section, log_sections, overrides, command_line, databases):
        make()
    results = []
    for case in CASES:
        result = run(case)
        entry = {key: value for key, value in case.items() if value not in (None, {}, [])}
        if case["text"] is None:
            entry["text"] = None
        result = shortened(result)
        if case["kind"] == "server" and case["text"] is not None and ZEO in case["text"] and isinstance(result.get("values"), dict):
            result["values"].pop("zeo")  # the same each time
        entry.update(result)
        results.append(entry)
    lines = ",\n".join(json.dumps(result, ensure_ascii=True) for result in results)
    OUTPUT.write_text(f"[\n{lines}\n]\n")
    refused = sum("refused" in result for result in results)
    print(f"{len(results)} cases, {refused} refused")


if __name__ == "__main__":
    sys.exit(main())
