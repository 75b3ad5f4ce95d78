"""Writes tests/fixtures/log_cases.json: what Python's logging, set up by ZConfig, makes of formats and records.

Run it with a Python that has ZConfig 4 (`pip install ZConfig==4.*`), from the root of the repository:

    python tests/config/make_log_cases.py
"""

import io
import json
import logging
import logging.handlers
import os
import tempfile
import time

import ZConfig

# The server names these two when it starts.
logging.addLevelName(15, "BLATHER")
logging.addLevelName(5, "TRACE")

SCHEMA = ZConfig.loadSchemaFile(io.StringIO(
    "<schema><import package='ZConfig.components.logger'/>"
    "<section type='eventlog' name='*' attribute='eventlog'/></schema>"))

RECORDS = {
    "plain": dict(name="ZEO.runzeo", level=20, message="(4711) opening storage '1' using FileStorage"),
    "blather": dict(name="ZEO.StorageServer", level=15, message="Preparing to commit: 2 objects, 428 bytes"),
    "critical": dict(name="ZEO.StorageServer", level=50, message="100% \u00fcber {braces} $dollar \U0001f600\n\"it's\""),
    "trace": dict(name="root", level=5, message=""),
}
CREATED = 1700000000.125
COMMON = dict(created=CREATED, msecs=125.0, relativeCreated=55.5, thread=7, process=99, lineno=42,
              pathname="/srv/app/module.name.py", funcName="work")

CLASSIC = [
    "", "%(asctime)s %(levelname)-8s [%(name)s] %(message)s", "%(asctime)s,%(msecs)03d %(message)s",
    "%(msecs)s|%(created)s|%(relativeCreated)s", "%(levelname)8.2s|%(levelname)-3.1s|", "%(message)r %(message)a",
    "%(levelno)05d %(levelno)x %(levelno)#o %(levelno)+d %(levelno)#X", "%(levelno)c|%(levelno)5c|%(levelno) d",
    "100%%%(message)s", "%(created)f %(created).2e %(created)g %(created)d %(created)#.3g", "%(levelno)5.3d|%(levelno)-5d|",
    "%(message)s\\n\\tx\\r\\b\\f", "%(message)s\\q\\\\n", "%(message) s %(message)010s", "%(name)s %(levelno)ld",
    "%(relativeCreated).0f %(relativeCreated)08.1f %(relativeCreated)E %(relativeCreated)-12.3f|%(relativeCreated)G",
    "%(pathname)s %(filename)s %(module)s %(lineno)d %(funcName)s %(process)d %(processName)s %(thread)d %(threadName)s",
    "%(exc_info)s %(exc_text)s %(stack_info)s", "%%(name)s %(name)s", "%(lineno)s %(lineno)r %(lineno)i %(lineno)u",
]
BRACES = [
    "{asctime} {levelname:<8}|{name:>20}|{message}", "{msecs:03.0f} {msecs} {created} {created:.3f}", "{message!r} {message!a}",
    "{levelno:>5d}|{levelno:05x}|{levelno:^7}|{levelno:*<7}|", "{{}} {message}", "{message:.2}|{message:^70}|{message:*^70}|",
    "{levelno:+} {levelno:,} {levelno:#x} {levelno:b} {levelno:c} {levelno:e} {levelno:%} {levelno:=+10} {levelno:o}",
    "{created:e} {created:,.1f} {created:10.3g} {created:.3} {created:020,.1f} {created:G} {created:n} {created:%}",
    "{process:n} {process:_} {process:010,} {process:06,} {process:#06x} {process:.2f}", "{relativeCreated:.0f} {relativeCreated:.1}",
    "{levelname!s:>10}|{levelname:010}|{levelname:0<10}|", "{lineno: d}{lineno:-d}",
]
TEMPLATE = ["$asctime $levelname $name $message", "${asctime}x $$ ${levelno}", "$message$$", "$created $msecs"]
SAFE = TEMPLATE + ["$nope ${nope} $message", "plain", "$ x $1 $message", "$messagex $Message"]

REFUSED = {
    "classic": ["%(nope)s", "plain", "%(message)q", "%(message", "%s", "%(name)d", "%(message)", "%", "%(levelno)*d",
                "%(asctime)d", "%(created)c", "%(message)10%", "%()s", "%( message )s", "%(taskName)s"],
    "format": ["{nope}", "plain", "{message:q}", "{message", "message}", "{0}", "{}", "{asctime:d}", "{message!q}",
               "{levelname:=10}", "{levelname:,}", "{created:d}", "{levelno:.2d}", "{levelno:s}", "{levelno:,x}"],
    "template": ["$nope", "plain", "$ x $message", "$1", "$messagex", "$message$"],
    "safe-template": [],
}

DATEFORMATS = ["", "%Y-%m-%dT%H:%M:%S", "%j %a %A %b %B %p %I %y %U %w %W %u %V %G %g", "%c|%x|%X|%D|%T|%F|%R|%r|%h|%C",
               "%e|%k|%l|%s|%P|%n|%t|%%|%Q|%f", "%-d %_d %0e %^a %-H %-I", "%z", "%Z", "no directive"]
MOMENTS = [0, 951782400, 1700000000, 1704067199, 1735603200, 1719878405, 1774746000, 1785542400]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]


def zone(name):
    os.environ["TZ"] = name
    time.tzset()


def dollars(text):
    return text.replace("$", "$$")


def configure(handler):
    config, _ = ZConfig.loadConfigFile(SCHEMA, io.StringIO("<eventlog>\nlevel all\n%s\n</eventlog>\n" % handler))
    logger = config.eventlog()
    handler = logger.handlers[-1]
    logger.removeHandler(handler)
    return handler


def logfile(**keys):
    return configure("<logfile>\n%s\n</logfile>" % "\n".join(
        "%s %s" % (key.replace("_", "-"), dollars(str(value))) for key, value in keys.items()))


def make_record(fields):
    record = logging.LogRecord(fields["name"], fields["level"], COMMON["pathname"], COMMON["lineno"],
                               fields["message"], (), None, COMMON["funcName"])
    for key in ("created", "msecs", "relativeCreated", "thread", "process"):
        setattr(record, key, COMMON[key])
    return record


def lines():
    zone("UTC")
    for style, formats in (("classic", CLASSIC), ("format", BRACES), ("template", TEMPLATE), ("safe-template", SAFE)):
        for form in formats:
            formatter = logfile(path="STDOUT", style=style, format=form).formatter
            for name, fields in RECORDS.items():
                yield dict(style=style, format=form, record=name, expected=formatter.format(make_record(fields)))


def refused():
    for style, formats in REFUSED.items():
        for form in formats:
            try:
                logfile(path="STDOUT", style=style, format=form)
            except Exception:
                yield dict(style=style, format=form)
            else:
                raise SystemExit("accepted: %s %r" % (style, form))


def dates():
    for name in ZONES:
        zone(name)
        for form in DATEFORMATS:
            if form == "%Z" and name == "Asia/Kolkata":
                continue  # "IST" is in no English locale data: we print the offset
            formatter = logfile(path="STDOUT", format="%(asctime)s", dateformat=form).formatter
            for moment in MOMENTS:
                record = make_record(RECORDS["plain"])
                record.created = moment + 0.125
                yield dict(zone=name, dateformat=form, moment=moment, expected=formatter.format(record))


def rotation_times():
    cases = [("S", 1), ("S", 30), ("M", 5), ("H", 1), ("D", 1), ("midnight", 1)] + [("W%d" % day, 1) for day in range(7)]
    for name in ("UTC", "Europe/Berlin"):
        zone(name)
        for when, interval in cases:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "log")
                for moment in (1700000000, 1785542400, 1774746000, 1792892400):
                    with open(path, "w") as file:
                        file.write("x\n")
                    os.utime(path, (moment, moment))
                    handler = logfile(path=path, when=when, interval=interval, old_files=3)
                    next_time = handler.rolloverAt
                    handler.doRollover()
                    handler.close()
                    (old,) = [entry for entry in os.listdir(folder) if entry != "log"]
                    os.unlink(os.path.join(folder, old))
                    # Across a change of the clocks Python names the files of whole days and hours by the other
                    # offset; that is not a rule to keep.
                    if time.localtime(next_time).tm_isdst != time.localtime().tm_isdst:
                        old = None
                    yield dict(zone=name, when=when, interval=interval, modified=moment, next=int(next_time),
                               old=old and old[len("log"):])


def size_rotation():
    zone("UTC")
    for max_size, old_files, lengths in ((100, 2, [30] * 12), (64, 1, [10, 70, 5, 60, 3]), (50, 5, [24] * 9), (50, 3, [23] * 9)):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            handler = logfile(path=path, max_size=max_size, old_files=old_files, format="%(message)s")
            messages = [chr(97 + number) * length for number, length in enumerate(lengths)]
            for message in messages:
                handler.handle(make_record(dict(RECORDS["plain"], message=message)))
            handler.close()
            files = {}
            for entry in sorted(os.listdir(folder)):
                with open(os.path.join(folder, entry)) as file:
                    files[entry] = file.read()
            yield dict(maxSize=max_size, oldFiles=old_files, messages=messages, files=files)


def syslog():
    handler = configure("<syslog>\nfacility local3\naddress localhost:9\n</syslog>")
    sent = []
    handler.socket.close()

    class Socket:
        def sendto(self, data, address):
            sent.append(data)

        def close(self):
            pass

    handler.socket = Socket()
    for level in (5, 10, 15, 20, 30, 40, 50):
        handler.emit(make_record(dict(RECORDS["plain"], level=level)))
        yield dict(facility="local3", level=level, expected=sent.pop().decode())


def main():
    cases = dict(
        common=COMMON, records=RECORDS, lines=list(lines()), refused=list(refused()), dates=list(dates()),
        rotationTimes=list(rotation_times()), sizeRotation=list(size_rotation()), syslog=list(syslog()))
    path = os.path.join(os.path.dirname(__file__), "..", "fixtures", "log_cases.json")
    with open(path, "w") as file:
        json.dump(cases, file, indent=1, sort_keys=True)
        file.write("\n")


main()
