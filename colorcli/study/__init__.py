"""The user study of Kaushik et al., IV.B: "Is the image looking natural?".

`pictures` makes the pictures, `page` shows them, `key` records which system made which, `answers`
reads the files participants return, and `results` computes the paper's figure from them.
"""
