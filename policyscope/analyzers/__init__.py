"""Subject → Result, one file per method."""
