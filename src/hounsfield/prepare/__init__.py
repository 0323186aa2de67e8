"""Volume to model grid and back: the same steps in training and at inference, numpy alone."""
