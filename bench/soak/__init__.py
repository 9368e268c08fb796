"""Endurance: mixed traffic through two instances for minutes or hours, with trouble all the while, and what it left behind."""
