"""Tests of data sets: layouts, the examination before training, splits."""
