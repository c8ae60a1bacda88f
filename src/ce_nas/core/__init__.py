"""What every other room stands on: units, errors, random streams, records and time."""
