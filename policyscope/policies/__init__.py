"""Checkpoint → Policy."""
