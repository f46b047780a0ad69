"""Tests of the ways to prove identity."""
