"""Tests of the door to the compiler."""
