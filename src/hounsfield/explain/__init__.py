"""Maps of what a network looked at, and their outlines, on the grid of the source image."""
