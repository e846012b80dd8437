"""Adversaries: how low can a bounded perturbation push a policy? Registers its own analyzers."""
