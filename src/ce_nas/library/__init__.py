"""The user's own copies of official data sets: what is known, how it is fetched and read, and where it is kept."""
