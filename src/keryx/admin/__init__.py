"""What an administrator does, as use cases. Every rule lives here and nowhere else.

A use case takes the site and plain values, checks everything first, then changes something or
nothing, and tells in sentences what it did. A broken rule is one of the BadInput family.
"""
