"""The dashboard: reads reports, computes nothing."""
