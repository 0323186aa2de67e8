"""Tasks for doctors: which series each takes, which model it runs, and what it cannot say."""
