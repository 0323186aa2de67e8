"""The documentation, run and followed."""
