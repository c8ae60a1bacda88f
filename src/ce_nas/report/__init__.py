"""What people read of a run; reads the store and nothing else."""
