"""The same random histories on two servers, and the first difference in what a client can see of each."""

import concurrent.futures
import logging
import os
import traceback

import differential_script
from differential_side import Side
from differential_trees import TreeSide

# Errors are answers here, and every client would log them.
logging.getLogger("ZEO").setLevel(logging.CRITICAL + 1)

pool = concurrent.futures.ThreadPoolExecutor(2)


def played(address, name, folder, history):
    """All answers of a server, step by step, and then to every question; each as (what, answer)."""
    made = TreeSide if history["level"] == "trees" else Side
    side = made(address, name, folder)
    try:
        answers = []
        for number, step in enumerate(history["steps"]):
            try:
                answers.append((f"step {number}: {step}", side.play(step)))
            except Exception as error:
                # None that a step expects: the history ends here, for both if they are alike.
                traceback.print_exc()
                answers.append((f"step {number}: {step}", ["unexpected", side.plain.error(error)]))
                break
        return answers + list(side.audit().items())
    finally:
        side.close()


def difference(addresses, name, folder, history):
    """Where the answers of two servers to a history differ first, as [what, answer, answer]; else None."""
    tasks = [pool.submit(played, address, name, os.path.join(folder, f"{name}-{number}"), history)
             for number, address in enumerate(addresses)]
    first, second = [task.result() for task in tasks]
    for (what, one), (_, two) in zip(first, second):
        if one != two:
            return [what, *narrowed(one, two)]
    return None if len(first) == len(second) else ["questions", len(first), len(second)]


def narrowed(one, two, path=""):
    """The innermost place where two answers differ."""
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        for key in one:
            if one[key] != two[key]:
                return narrowed(one[key], two[key], f"{path}.{key}")
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for number, (left, right) in enumerate(zip(one, two)):
            if left != right:
                return narrowed(left, right, f"{path}[{number}]")
    return [path, repr(one), repr(two)]


def run(addresses, names, folder, seed, features):
    """One history a storage, with the seeds from `seed` on; the first differences found."""
    found = []
    for number, name in enumerate(names):
        history = differential_script.make(seed + number, features)
        told = difference(addresses, name, folder, history)
        if told:
            steps = len(history["steps"])
            found.append({"seed": seed + number, "level": history["level"], "steps": steps, "told": told})
    return found


def shrink(addresses, names, folder, seed, features):
    """The history of a seed with as few steps as still differ; each try takes a storage of `names`."""
    history = differential_script.make(seed, features)
    names = list(names)
    told = None

    def differs(steps):
        return difference(addresses, names.pop(), folder, {**history, "steps": steps})

    steps = history["steps"]
    at = len(steps) - 1
    while at >= 0 and names:
        fewer = steps[:at] + steps[at + 1:]
        found = differs(fewer)
        if found:
            steps, told = fewer, found
        at -= 1
    return {"seed": seed, "steps": [repr(step) for step in steps], "told": told}
