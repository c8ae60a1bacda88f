"""Pages in a browser over run folders, which are read and nothing else."""
