"""Training logs of many forms with what an expert reads in them."""
