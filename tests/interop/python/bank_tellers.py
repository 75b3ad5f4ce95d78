"""Tellers of the example bank, examples/bank/, in Python."""

import importlib.util
import pathlib
import random
import sys
import time
import types

import transaction
import ZEO
from ZODB.POSException import ConflictError


def load_models():
    path = pathlib.Path(__file__).parents[3] / "examples" / "bank" / "models.py"
    spec = importlib.util.spec_from_file_location("bank.models", path)
    models = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("bank", types.ModuleType("bank"))
    sys.modules["bank.models"] = models
    spec.loader.exec_module(models)


load_models()


def transfer_for(address, seconds):
    """As transferFor in bank.ts; returns how many transfers succeeded, and how many conflicts there were."""
    db = ZEO.DB(tuple(address))
    transfers = conflicts = 0
    try:
        end = time.time() + seconds
        connection = db.open()
        while time.time() < end:
            try:
                with transaction.manager:
                    accounts = connection.root.accounts
                    payer, payee = (accounts[number] for number in random.sample(list(accounts), 2))
                    amount = min(payer.balance, random.randrange(100))
                    payer.move(-amount)
                    payee.move(amount)
                transfers += 1
            except ConflictError:
                conflicts += 1
        connection.close()
    finally:
        db.close()
    return [transfers, conflicts]


def check(address):
    """As check in bank.ts."""
    db = ZEO.DB(tuple(address))
    try:
        with db.transaction() as connection:
            accounts = list(connection.root.accounts.values())
            connection.root.accounts._check()
            return {
                "sum": sum(account.balance for account in accounts),
                "expected": 1000 * len(accounts),
                "moves": sum(account.moves for account in accounts),
                "balances": [account.balance for account in accounts],
            }
    finally:
        db.close()
