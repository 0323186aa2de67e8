"""Tests of converting between formats."""
