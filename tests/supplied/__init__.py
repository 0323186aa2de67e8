"""Tests of the files that steps are given by name."""
