"""Conformance of a header to DICOM: attributes, values and pixel description, each finding with its clause."""
