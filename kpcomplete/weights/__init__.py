"""Shipped models with their model cards."""
