"""Change: lesions of one patient matched over time, and what became of each."""
