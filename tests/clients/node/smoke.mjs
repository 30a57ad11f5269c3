// Node.js clients against Nuthatch: smoke.mjs PORT

import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { createClient } from "redis";

const port = Number(process.argv[2]);

async function ioredis() {
  const redis = new Redis({ host: "127.0.0.1", port, db: 0 });
  await redis.flushall();
  assert.equal(await redis.set("key", "value", "EX", 3600), "OK");
  assert.equal(await redis.get("key"), "value");
  assert.equal(await redis.setex("user:1", 3600, JSON.stringify({ name: "Alan" })), "OK");
  assert.deepEqual(JSON.parse(await redis.get("user:1")), { name: "Alan" });
  assert.equal(await redis.incrby("counter", 5), 5);
  assert.deepEqual(await redis.mget("key", "nosuchkey"), ["value", null]);
  assert.ok((await redis.ttl("key")) > 3500);
  assert.equal(await redis.persist("key"), 1);
  assert.equal(await redis.setbit("bits", 7, 1), 0);
  assert.equal(await redis.bitcount("bits"), 1);
  assert.deepEqual(await redis.getBuffer("bits"), Buffer.from([1]));
  assert.deepEqual((await redis.scan(0, "COUNT", 1000))[1].sort(), ["bits", "counter", "key", "user:1"]);
  const replies = await redis.pipeline().set("a", 1).incr("a").get("a").exec();
  assert.deepEqual(replies, [[null, "OK"], [null, 2], [null, "2"]]);
  await assert.rejects(redis.incr("key"), /value is not an integer or out of range/);
  await redis.hset("hash", { name: "Alan", age: "25" });
  assert.deepEqual(await redis.hgetall("hash"), { name: "Alan", age: "25" });
  assert.equal(await redis.rpush("list", "a", "b", "c"), 3);
  assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "b", "c"]);
  assert.deepEqual(await redis.blpop("list", 1), ["list", "a"]);
  assert.equal(await redis.zadd("zset", 100, "one", 85, "other"), 2);
  assert.deepEqual(await redis.zrevrange("zset", 0, -1, "WITHSCORES"), ["one", "100", "other", "85"]);
  await redis.quit();
}

async function nodeRedis(RESP) {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP });
  await client.connect();
  await client.flushAll();
  assert.equal(await client.set("key", "value", { EX: 3600 }), "OK");
  assert.equal(await client.get("key"), "value");
  assert.equal(await client.set("key", "other", { NX: true }), null);
  assert.equal(await client.incrBy("counter", 5), 5);
  assert.equal(await client.incrByFloat("float", 0.5), "0.5");
  assert.deepEqual(await client.mGet(["key", "nosuchkey"]), ["value", null]);
  assert.equal(await client.expire("key", 100, "LT"), 1);
  assert.ok((await client.ttl("key")) > 90);
  assert.equal(await client.setBit("bits", 7, 1), 0);
  assert.equal(await client.bitCount("bits"), 1);
  assert.equal(await client.exists(["key", "nosuchkey"]), 1);
  assert.equal(await client.copy("key", "copy"), 1);
  assert.equal(await client.type("copy"), "string");
  assert.equal(await client.configSet("maxmemory", "0"), "OK");
  assert.deepEqual({ ...(await client.configGet("maxmemory")) }, { maxmemory: "0" });
  const found = [];
  for await (const keys of client.scanIterator({ COUNT: 1 })) found.push(...keys);
  assert.deepEqual(found.sort(), ["bits", "copy", "counter", "float", "key"]);
  const sets = Array.from({ length: 1000 }, (_, number) => client.set(`p:${number}`, String(number)));
  assert.ok((await Promise.all(sets)).every((reply) => reply === "OK"));
  await assert.rejects(client.incr("key"), /value is not an integer or out of range/);
  assert.equal(await client.hSet("hash", { name: "Alan", age: "25" }), 2);
  assert.deepEqual({ ...(await client.hGetAll("hash")) }, { name: "Alan", age: "25" });
  assert.equal(await client.sAdd("set", ["a", "b"]), 2);
  assert.deepEqual([...(await client.sMembers("set"))].sort(), ["a", "b"]);
  assert.equal(await client.zAdd("zset", [{ score: 100, value: "one" }, { score: 85, value: "other" }]), 2);
  assert.deepEqual(await client.zRangeWithScores("zset", 0, 0), [{ value: "other", score: 85 }]);
  await client.close();
}

await ioredis();
console.log("ioredis: ok");
for (const RESP of [2, 3]) {
  await nodeRedis(RESP);
  console.log(`node-redis, RESP${RESP}: ok`);
}
