"""Tests of the security log."""
