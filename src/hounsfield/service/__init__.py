"""The service: an archive behind doors, who may pass them, and a record of everybody who did."""
