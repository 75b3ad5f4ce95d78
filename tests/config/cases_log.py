"""Cases: the sections of the event log."""

from cases import BASE, case


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
