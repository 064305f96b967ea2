"""A model folder: its description, and the sessions that run it on a GPU or the CPU."""
