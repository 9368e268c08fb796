"""Larder beside other caches: the same origin, the same load, the same accounting, taking turns."""
