"""Finding -> documents: narrative, JSON, HTML page, DICOM structured report and Secondary Capture."""
