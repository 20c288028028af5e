"""The faces: each parses, calls the core once, renders, and maps errors."""
