"""The four taps with real targets, PostgreSQL and JSON Lines, by pipe and through Meltano."""
