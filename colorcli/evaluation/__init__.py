"""How good models are: their scores over a collection, and their pictures side by side."""
