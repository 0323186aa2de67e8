"""Evaluation: a model on labelled data, with intervals, plots, the worst cases and a page to read."""
