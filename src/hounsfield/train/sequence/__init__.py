"""Learning of sequences: a class or a number for the frames of a film, or the slices of a stack, in their order."""
