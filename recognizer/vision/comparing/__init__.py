"""Two pictures of pins laid over one another: how well they fit, and where and in what they differ."""
