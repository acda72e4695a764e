"""The page people look at: its data, its pictures, and the page itself."""
