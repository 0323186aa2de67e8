"""Instances become volumes: decode, sort by geometry, say what a sample means, check."""
