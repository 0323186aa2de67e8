"""DICOMweb (PS3.18): studies stored, searched for and retrieved over HTTP."""
