"""Made-up data with every field and every variance that the vendors' documents show."""
