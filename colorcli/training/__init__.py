"""Training: networks, objectives, augmentation, the trainer and the export (extra `train`)."""
