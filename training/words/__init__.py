"""The base's words: a text tower trained beside the base's pictures on the names of drawings in sixteen languages.

names      which words say what is on a drawing, in each language
pictures   the drawings struck as pins, photographed and embedded by the base, once
learning   the tower that is brought to them
measuring  how well words find pins that nothing was trained on
"""
