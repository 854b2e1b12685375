"""Support: grants of a look at one account, the looks, and the reviews of both."""
