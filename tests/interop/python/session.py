"""The Python end of session.ts: calls functions of the modules beside it, one JSON line each way."""

import importlib
import json
import logging
import os
import sys
import traceback


def main():
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anybody prints is no answer
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    for line in sys.stdin:
        request = json.loads(line)
        module, name = request["call"].rsplit(".", 1)
        try:
            answer = {"result": getattr(importlib.import_module(module), name)(**request["arguments"])}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
