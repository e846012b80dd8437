"""Policies that a person can read: equations and trees, as data, as text and as Python."""
