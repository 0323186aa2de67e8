"""Tests of evaluations: a model with known answers on data with known content."""
