"""The command line: noun then verb. It parses, calls a use case, prints; it holds no rule."""
