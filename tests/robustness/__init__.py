"""Attacks: calls of the system that fail, kills in between, damaged input, plugins that mean no good."""
