"""Other libraries' forms of the same density."""
