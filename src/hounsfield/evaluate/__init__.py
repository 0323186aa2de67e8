"""Evaluation: a model on labelled data, with intervals, plots, the worst cases and a page to read."""

from hounsfield.core.room import make_callable

make_callable(__name__)
