"""The engine: pure values in, values out."""
