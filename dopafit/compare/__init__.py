"""Which claim the evidence favours."""
