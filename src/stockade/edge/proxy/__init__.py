"""Configurations of nginx and Caddy that agree with the project's settings; `stockade proxy` prints them."""

from __future__ import annotations
