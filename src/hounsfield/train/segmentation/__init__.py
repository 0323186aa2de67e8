"""Segmentation: a label for every sample, and objects that are told apart by their borders."""
