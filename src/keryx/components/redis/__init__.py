"""Redis: the filter's memory (Bayes tokens, greylisting, rate limits, ratios).

Made files: ``redis.conf``. Socket: ``run/redis/redis.sock``; it listens on no network port.
Data: an append-only file, written to disk every second: losing one second of statistics is
harmless, losing all of them is a filter that has forgotten what spam is.
Manual: https://redis.io/docs/latest/operate/oss_and_stack/management/config/
"""
