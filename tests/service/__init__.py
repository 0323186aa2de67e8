"""The service: doors, people, log."""
