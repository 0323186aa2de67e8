"""Tests of maps and outlines."""
