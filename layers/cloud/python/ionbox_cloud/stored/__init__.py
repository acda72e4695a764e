"""The objects that states hand on: segments, spans, patterns, images, annotations."""
