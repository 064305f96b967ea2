"""A model folder: what it says, and the sessions that run it on a GPU or the CPU."""
