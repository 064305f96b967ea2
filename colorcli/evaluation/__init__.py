"""Model quality: scores over a collection, and pictures side by side."""
