"""Nouns of the house: frozen, without input or output, numpy at most."""
