"""Learning of targets other than one class an image: a number, several labels, ordered classes."""
