"""Stockade: the security layer for Django APIs."""

__version__ = "0.1.0.dev0"
