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

import cases_log
import cases_sections
import cases_syntax
from cases import CASES, ZEO

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parent / "fixtures" / "config_cases.json"


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


def shortened(value):
    """Without what isn't set."""
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items() if item is not None}
    return [shortened(item) for item in value] if isinstance(value, list) and value and isinstance(value[0], dict) else value


def main():
    for module, makers in (
        (cases_syntax, ("syntax", "directives", "includes", "substitutions")),
        (cases_sections, ("zeo_section", "storage_sections", "runner_section")),
        (cases_log, ("log_sections",)),
        (cases_syntax, ("overrides", "command_line")),
        (cases_sections, ("databases",)),
    ):
        for maker in makers:
            getattr(module, maker)()
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
