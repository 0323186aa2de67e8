"""Tests of the search in a store."""
