"""Artefacts: what goes wrong in a scanner, a probe or a beam, as kinds of augmentation of batches."""
