"""Tests of the model package and its runtime."""
