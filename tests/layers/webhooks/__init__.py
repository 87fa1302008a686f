"""Other programs that are told of changes."""
