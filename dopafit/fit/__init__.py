"""One claim met one study."""
