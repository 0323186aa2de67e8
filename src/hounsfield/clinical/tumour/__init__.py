"""Tumours: segmented from a prompt, measured, summed by RECIST 1.1, and by uptake on PET."""
