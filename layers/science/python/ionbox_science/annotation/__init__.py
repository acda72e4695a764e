"""What is made of scores: the annotation table, why not, colocalization, quality."""
