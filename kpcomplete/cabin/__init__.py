"""The simulated car: people with known joints, the vehicle that hides them, and cameras."""
