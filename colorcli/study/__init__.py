"""The user study of Kaushik et al., IV.B: "Is the image looking natural?".

`pictures` makes what is shown, `page` shows it, `key` keeps who made which picture, `answers` reads
what participants send back, and `results` turns that into the paper's figure.
"""
