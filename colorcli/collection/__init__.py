"""Labelled photographs to train and measure on, and the tools that prepare them."""
