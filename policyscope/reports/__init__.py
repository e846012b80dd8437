"""Result → something to look at."""
