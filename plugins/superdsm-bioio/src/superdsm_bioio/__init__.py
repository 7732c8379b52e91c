"""Microscope files of many vendors for superdsm, read by bioio."""
