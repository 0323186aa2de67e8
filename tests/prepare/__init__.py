"""Tests of the preparing steps."""
