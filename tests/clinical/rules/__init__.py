"""Rules of medicine against literal tables."""
