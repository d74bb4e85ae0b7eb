"""Properties are checked without a clock, since the machine may be busy, and leave no files."""

from hypothesis import settings

settings.register_profile("tests", deadline=None, database=None)
settings.load_profile("tests")
