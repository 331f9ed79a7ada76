"""Where the posterior lies, and coordinates in which it is round."""
