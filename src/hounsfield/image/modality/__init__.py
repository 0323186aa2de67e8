"""What samples mean, one module a modality that has rules of its own."""
