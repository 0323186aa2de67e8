"""The model package: a manifest, a network and a card that open without torch and carry no code."""
