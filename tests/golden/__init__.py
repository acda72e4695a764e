"""Expected values, each with its origin and the command that makes it again."""
