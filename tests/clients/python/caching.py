"""The cache of redis-py, which is told of what is out of date: caching.py PORT"""

import sys

import redis
from redis.cache import CacheConfig


def check(actual, expected):
    assert actual == expected, f"{actual!r} instead of {expected!r}"


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
    check(reader.get("key:1"), b"2")
    with writer.pipeline(transaction=True) as transaction:
        transaction.set("key:2", "a").append("key:2", "b").execute()
    check(reader.get("key:2"), b"ab")
    writer.delete("key:3")
    check(reader.get("key:3"), None)
    writer.hset("hash", "field", "1")
    check(reader.hget("hash", "field"), b"1")
    writer.hset("hash", "field", "2")
    check(reader.hget("hash", "field"), b"2")
    writer.flushall()
    check(reader.get("key:4"), None)
    print(f"redis {redis.__version__}, client-side cache: ok")


main()
