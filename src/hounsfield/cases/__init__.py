"""Data sets as tables of cases: layouts, the guard that examines them before training, and splits."""
