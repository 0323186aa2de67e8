"""Pretraining: a trunk learns from images without labels, and other runs start from it."""
