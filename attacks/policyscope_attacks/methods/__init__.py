"""One attack in each file."""
