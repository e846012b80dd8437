"""Policy × Environment → Rollouts."""
