"""memcached: SOGo's cache, so that its workers share what they have read.

Runs when SOGo does. Made files: none, its few settings are arguments. Socket: ``run/memcached``, for
SOGo's group only: what people see passes through it. Nothing is kept over a restart; SOGo's sessions
are in its database, so nobody is signed out by one. Manual: memcached(1).
"""
