"""Image quality of a volume: measures with evidence, a threshold and its source for each."""
