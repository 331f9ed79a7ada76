"""What a study could tell at all."""
