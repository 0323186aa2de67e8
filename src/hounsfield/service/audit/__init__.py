"""The audit log: what was done, by whom, in an order that cannot be changed without being seen."""
