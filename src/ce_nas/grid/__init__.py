"""The carbon intensity of electricity over time."""
