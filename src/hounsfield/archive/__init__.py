"""Where studies live: files, folders, zip archives and DICOMDIRs read at header level, before any decoder sees them."""
