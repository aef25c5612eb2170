"""Decides for each action where it runs, whether it must, how often and how long."""
