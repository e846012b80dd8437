"""Disturbances of what a policy does, where attacks are of what it sees."""
