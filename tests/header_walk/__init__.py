"""Tests of the compiled walk over headers."""
