"""Python clients against Nuthatch: smoke.py PORT"""

import importlib
import json
import sys


def check(actual, expected):
    assert actual == expected, f"{actual!r} instead of {expected!r}"


def session(r):
    """What a new user types."""
    r.set("key", "value", ex=3600)
    check(r.get("key"), b"value")
    r.setex("user:1", 3600, json.dumps({"name": "Alan"}))
    check(json.loads(r.get("user:1")), {"name": "Alan"})


def strings(r):
    check(r.set("a", "1"), True)
    check(r.set("a", "2", nx=True), None)
    check(r.set("a", "2", xx=True, get=True), b"1")
    check(r.incr("a"), 3)
    check(r.incrby("a", 7), 10)
    check(r.decr("a"), 9)
    check(r.incrbyfloat("f", 0.5), 0.5)
    check(r.append("s", "hello"), 5)
    check(r.getrange("s", 1, 3), b"ell")
    check(r.setrange("s", 5, " world"), 11)
    check(r.strlen("s"), 11)
    check(r.mset({"m1": "x", "m2": "y"}), True)
    check(r.mget("m1", "m2", "m3"), [b"x", b"y", None])
    check(r.msetnx({"m1": "z", "m4": "z"}), False)
    check(r.getdel("m1"), b"x")
    check(r.getset("m2", "z"), b"y")
    check(r.getex("m2", ex=100), b"z")
    check(r.execute_command("LCS", "s", "s"), b"hello world")


def keys(r):
    r.flushdb()
    r.mset({f"key:{number}": number for number in range(100)})
    check(r.dbsize(), 100)
    check(sorted(r.scan_iter(match="key:*")), sorted(f"key:{number}".encode() for number in range(100)))
    check(r.exists("key:1", "key:2", "nosuchkey"), 2)
    check(r.type("key:1"), b"string")
    check(r.rename("key:1", "renamed"), True)
    check(r.copy("renamed", "copied"), True)
    check(r.touch("renamed"), 1)
    check(r.delete("renamed", "nosuchkey"), 1)
    check(r.unlink("copied"), 1)
    check(r.object("encoding", "key:2"), b"int")
    check(r.move("key:3", 5), True)
    assert r.randomkey() is not None


def expiry(r):
    r.set("e", "x")
    check(r.ttl("e"), -1)
    check(r.expire("e", 100), True)
    check(r.expire("e", 50, gt=True), False)
    check(r.expire("e", 200, gt=True), True)
    assert 0 < r.ttl("e") <= 200
    assert 0 < r.pttl("e") <= 200_000
    assert r.expiretime("e") > 1_700_000_000
    check(r.persist("e"), True)
    check(r.pexpireat("e", 1), True)
    check(r.get("e"), None)
    check(r.ttl("e"), -2)


def bitmaps(r):
    check(r.setbit("b", 7, 1), 0)
    check(r.getbit("b", 7), 1)
    check(r.bitcount("b"), 1)
    check(r.bitpos("b", 1), 7)
    check(r.bitop("NOT", "n", "b"), 1)
    check(r.get("n"), b"\xfe")
    check(r.bitfield("bf").set("u8", 0, 255).incrby("u8", 0, 1).execute(), [0, 0])


def collections(r):
    r.delete("user:1", "notifications", "online-users", "leaderboard")
    r.hset("user:1", mapping={"name": "Alan", "age": "25"})
    check(r.hgetall("user:1"), {b"name": b"Alan", b"age": b"25"})
    check(r.hincrby("user:1", "age", 1), 26)
    check(r.execute_command("HEXPIRE", "user:1", 100, "FIELDS", 1, "age"), [1])
    check(r.hget("user:1", "nosuchfield"), None)
    check(r.lpush("notifications", "msg1"), 1)
    check(r.rpush("notifications", "msg2", "msg3"), 3)
    check(r.lrange("notifications", 0, -1), [b"msg1", b"msg2", b"msg3"])
    check(list(r.blpop("notifications", timeout=1)), [b"notifications", b"msg1"])
    check(r.brpop("nosuchlist", timeout=0.01), None)
    check(r.sadd("online-users", "user:1", "user:2"), 2)
    check(set(r.smembers("online-users")), {b"user:1", b"user:2"})
    check(r.zadd("leaderboard", {"user:1": 100, "user:2": 85}), 2)
    leaders = r.zrevrange("leaderboard", 0, -1, withscores=True)
    check([tuple(leader) for leader in leaders], [(b"user:1", 100.0), (b"user:2", 85.0)])
    check(r.zrank("leaderboard", "user:1"), 1)
    check(r.geoadd("places", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")), 2)
    check(r.geosearch("places", longitude=15, latitude=37, radius=100, unit="km"), [b"Catania"])
    check(r.pfadd("visitors", "a", "b", "a"), 1)
    check(r.pfcount("visitors"), 2)
    check(r.sort("online-users", alpha=True), [b"user:1", b"user:2"])
    check(r.restore("copy", 0, r.dump("leaderboard"), replace=True), b"OK")
    check(r.zscore("copy", "user:2"), 85.0)
    check(sorted(r.sscan_iter("online-users")), [b"user:1", b"user:2"])


def connection(r):
    check(r.ping(), True)
    check(r.echo("hello"), b"hello")
    check(r.client_setname("smoke"), True)
    assert r.client_id() > 0
    assert r.client_info()["db"] is not None
    check(r.config_set("maxmemory", "0"), True)
    check(r.config_get("maxmemory"), {"maxmemory": "0"})
    with r.pipeline(transaction=False) as pipeline:
        for number in range(1000):
            pipeline.set(f"p:{number}", number)
        check(pipeline.execute(), [True] * 1000)


def errors(r, module):
    r.set("text", "abc")
    try:
        r.incr("text")
    except module.ResponseError as error:
        check(str(error), "value is not an integer or out of range")
    else:
        raise AssertionError("no error")


def main():
    port = int(sys.argv[1])
    for name, client in [("redis", "Redis"), ("valkey", "Valkey")]:
        module = importlib.import_module(name)
        for protocol in 2, 3:
            r = getattr(module, client)(host="localhost", port=port, db=0, protocol=protocol)
            r.flushall()
            for part in session, strings, keys, expiry, bitmaps, collections, connection:
                part(r)
            errors(r, module)
            r.close()
            print(f"{name} {module.__version__}, RESP{protocol}: ok")


main()
