"""Fractures on radiographs: a detector or a classifier that somebody trained, read at two operating points."""
