"""Cases: the syntax of files, -X, and the command line."""

from cases import BASE, MAP, ZEO, case


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
