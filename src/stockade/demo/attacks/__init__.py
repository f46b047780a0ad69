"""Attacks on a running reference API, carried out over HTTP and measured, the same for Stockade and for the twin."""
