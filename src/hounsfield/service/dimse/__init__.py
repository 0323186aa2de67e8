"""DIMSE: studies sent, searched for and fetched over DICOM's own protocol (PS3.7 and PS3.8)."""
