"""Finds secrets that lie where they must not: in files, in what git tracks, in git's history."""

from stockade.vault.scan.finding import Finding
from stockade.vault.scan.history import NotARepository, Scanned, history
from stockade.vault.scan.kinds import KINDS
from stockade.vault.scan.look import look
from stockade.vault.scan.tree import tree

__all__ = ["KINDS", "Finding", "NotARepository", "Scanned", "history", "look", "tree"]
