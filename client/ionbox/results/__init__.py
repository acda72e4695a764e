"""The Python client's run: annotations, images and facts in METASPACE's names."""
