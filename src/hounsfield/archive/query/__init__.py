"""Questions to the index of a store: what can be asked, the tables that are asked, and the answers."""
