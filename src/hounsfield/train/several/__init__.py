"""Learning of several things of one image: one trunk, a head for each, and targets that may not be assessed."""
