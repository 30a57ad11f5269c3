"""The cache of redis-py, which is told of what is out of date: caching.py PORT"""

import sys
import time

import redis
from redis.cache import CacheConfig


def check(actual, expected):
    assert actual == expected, f"{actual!r} instead of {expected!r}"


def becomes(expected, read, *arguments):
    """What is read from the cache is up to date as soon as the message has come, which may be after the writer's reply."""
    deadline = time.monotonic() + 10
    while (actual := read(*arguments)) != expected:
        assert time.monotonic() < deadline, f"{actual!r} instead of {expected!r}"


def main():
    port = int(sys.argv[1])
    writer = redis.Redis(host="localhost", port=port)
    writer.flushall()
    reader = redis.Redis(host="localhost", port=port, protocol=3, cache_config=CacheConfig(max_size=1000))
    cache = reader.get_cache()
    for number in range(100):
        writer.set(f"key:{number}", number)
        check(reader.get(f"key:{number}"), str(number).encode())
    check(cache.size, 100)
    # From the cache: the server is not asked.
    calls = writer.info("commandstats")["cmdstat_get"]["calls"]
    for number in range(100):
        check(reader.get(f"key:{number}"), str(number).encode())
    check(writer.info("commandstats")["cmdstat_get"]["calls"], calls)
    # Out of date, one by one, in a transaction, by deletion, and all at once.
    writer.incr("key:1")
    becomes(b"2", reader.get, "key:1")
    with writer.pipeline(transaction=True) as transaction:
        transaction.set("key:2", "a").append("key:2", "b").execute()
    becomes(b"ab", reader.get, "key:2")
    writer.delete("key:3")
    becomes(None, reader.get, "key:3")
    writer.hset("hash", "field", "1")
    becomes(b"1", reader.hget, "hash", "field")
    writer.hset("hash", "field", "2")
    becomes(b"2", reader.hget, "hash", "field")
    writer.flushall()
    becomes(None, reader.get, "key:4")
    print(f"redis {redis.__version__}, client-side cache: ok")


main()
