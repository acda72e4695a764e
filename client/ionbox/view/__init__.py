"""Looking at a run: the page served from its results, and questions to them."""
