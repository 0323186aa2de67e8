"""Prediction -> Finding: read scores at their operating points and measure what was outlined."""
