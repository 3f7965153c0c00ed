"""memcached: SOGo's cache and the sessions of who is signed in to it.

Runs when SOGo does. Made files: none, its few settings are arguments. Socket: ``run/memcached``, for
SOGo's group only: who reads it could take over a session. Nothing is kept: after a restart people
sign in to SOGo again (with ``/login`` they do not notice). Manual: memcached(1).
"""
