"""Detection as a way of learning: boxes around objects in pictures."""
