"""Tests of the store: objects received, kept, found again."""
