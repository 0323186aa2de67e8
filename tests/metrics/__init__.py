"""Tests of the measures against scikit-learn, scipy, worked examples and naive loops."""
