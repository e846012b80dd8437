"""Sparse equations of the closed loop: dictionaries of terms, regression, and what it says."""
