"""Image to image: a generator that turns one image into another learns from pairs, and is judged on held-back ones."""
