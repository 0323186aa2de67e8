"""Training: from a folder of labelled images to a model package, the same one for the same seed.

``options`` and ``events`` are read without torch; ``session.train`` does the work.
"""

from hounsfield.core.room import make_callable

make_callable(__name__)
