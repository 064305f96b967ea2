"""Labelled photographs for training and evaluation, and the tools that prepare them."""
