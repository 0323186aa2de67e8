"""Hounsfield: medical images from a folder of scans to a finding a doctor can check.

Research software, not a medical device: every result needs a doctor's eyes.
"""

__version__ = "0.1.0"
