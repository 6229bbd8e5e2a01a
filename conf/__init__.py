"""Configuration, one group for each folder of kpcomplete."""
