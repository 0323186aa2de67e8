"""The meter: how the house is built, measured at every check."""
