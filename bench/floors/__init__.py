"""Floors: the least that anybody could do who does the same at all. What ours costs beyond its floor is the price of its guards."""
