"""Tests of preparing: a source in, a prepared volume out."""
