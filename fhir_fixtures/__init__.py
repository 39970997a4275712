"""Synthetic charts: what comes over the wire, written in the words of a clinician."""
