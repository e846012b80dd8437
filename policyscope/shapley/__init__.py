"""Shapley values of what a policy does, and the policies that are read off them."""
