"""Synthesis: generators learned as a game of two networks, judged, packed, and used to fill rare classes."""
