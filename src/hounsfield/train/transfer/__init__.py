"""Transfer: a run that starts from the weights of another model instead of from chance."""
