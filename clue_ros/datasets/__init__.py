"""Data sets as one ``Sample`` record: rendered scenes and the public ones."""
