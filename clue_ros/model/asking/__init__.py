"""Two ways to ask behind one interface: freely decoded questions and composed ones."""
