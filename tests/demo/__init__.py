"""Tests of the demo: real servers, real shells, a real browser."""
