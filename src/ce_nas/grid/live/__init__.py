"""The carbon intensity of the grid as it is now: one file a provider, one protocol, failures said aloud."""
