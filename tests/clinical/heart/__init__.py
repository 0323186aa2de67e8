"""Tests of the heart task."""
