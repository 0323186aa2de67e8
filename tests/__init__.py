"""Tests, laid out like the source: what ``src/hounsfield/image`` does is tested in ``tests/image``."""
