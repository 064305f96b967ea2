"""Batches of photos: a plan, then load | predict | save, overlapped. Prints nothing."""
