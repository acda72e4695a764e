"""Two tables of annotations side by side: ``ionbox compare``."""
