"""Sequences of whole numbers: what comes next, digit by digit."""
