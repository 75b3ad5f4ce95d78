"""The bank's objects, as models.ts has them. Install it as `bank.models`, or register it under that name."""

from persistent import Persistent


class Account(Persistent):
    """Money of somebody, in cents."""

    def __init__(self, owner, balance):
        self.owner = owner
        self.balance = balance
        self.moves = 0

    def move(self, amount):
        """Puts money in; a negative amount takes it out."""
        if self.balance + amount < 0:
            raise ValueError(f"{self.owner} has {self.balance}, not {-amount}")
        self.balance += amount
        self.moves += 1
