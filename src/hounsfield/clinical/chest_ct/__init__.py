"""Chest CT: lungs, airways, a search for pulmonary nodules, their measures, and what written rules say about them."""
