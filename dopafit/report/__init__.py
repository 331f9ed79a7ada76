"""What a reader sees: run folder, report, tables, methods text."""
