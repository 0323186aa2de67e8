"""Measuring: images and masks from files in, radiomic features of every region out, as tables and as a page."""
