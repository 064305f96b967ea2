"""Many files: a plan, then load | predict | save, overlapped; nothing printed."""
