"""The ways out of the house; each file is one, and none knows another."""
