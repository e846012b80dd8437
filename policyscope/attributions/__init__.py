"""Ways to say what a policy's scores rest on, and ways to find out whether that is true."""
