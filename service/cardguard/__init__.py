"""Find and refuse card data."""
