"""Tests of reading volumes from a source."""
