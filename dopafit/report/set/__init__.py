"""How it looks on the page."""
