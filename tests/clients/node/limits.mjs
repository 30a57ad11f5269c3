// Locks, semaphores and limits of rates by scripts: limits.mjs PORT

import assert from "node:assert/strict";
import { Redis } from "ioredis";
import rateLimiters from "rate-limiter-flexible";
import { createClient } from "redis";
import { Mutex, RedlockSemaphore, Semaphore } from "redis-semaphore";
import Redlock from "redlock";

const { BurstyRateLimiter, RateLimiterQueue, RateLimiterRedis } = rateLimiters;
const port = Number(process.argv[2]);
const connect = (db = 0) => new Redis({ host: "127.0.0.1", port, db });

/** Has so many clients do it, each so many times. */
function crowd(clients, times, work) {
  const one = async (number) => {
    for (let time = 0; time < times; time++) await work(number);
  };
  return Promise.all(Array.from({ length: clients }, (_, number) => one(number)));
}

/** Work that no more than so many may do at once. */
function guarded(limit) {
  const section = { inside: 0, entered: 0 };
  section.enter = async () => {
    section.entered += 1;
    assert.ok(++section.inside <= limit, `${section.inside} are inside`);
    await new Promise((resolve) => setImmediate(resolve));
    section.inside -= 1;
  };
  return section;
}

/** Locks that most of three databases have given; to a lock each is a server. */
async function redlock() {
  const servers = [0, 1, 2].map(connect);
  const locks = new Redlock(servers, { retryCount: -1, retryDelay: 2, retryJitter: 2 });
  const section = guarded(1);
  await crowd(8, 25, async () => {
    let lock = await locks.lock("lock", 60_000);
    lock = await lock.extend(60_000);
    await section.enter();
    await lock.unlock();
  });
  assert.equal(section.entered, 200);
  const lock = await locks.lock(["one", "two"], 60_000);
  await assert.rejects(new Redlock(servers, { retryCount: 0 }).lock("two", 60_000), /Exceeded 0 attempts/);
  await lock.unlock();
  await assert.rejects(lock.unlock(), /Unable to fully release|already expired|not exist/i);
  for (const server of servers) assert.equal(await server.exists("lock", "one", "two"), 0);
  await Promise.all(servers.map((server) => server.quit()));
}

async function semaphores() {
  const redis = connect();
  const others = [1, 2].map(connect);
  const options = { lockTimeout: 60_000, acquireTimeout: 60_000, retryInterval: 2 };
  for (const [limit, create] of [
    [1, () => new Mutex(redis, "mutex", options)],
    [3, () => new Semaphore(redis, "semaphore", 3, options)],
    [2, () => new RedlockSemaphore([redis, ...others], "redlock", 2, options)],
  ]) {
    const section = guarded(limit);
    await crowd(6, 20, async () => {
      const semaphore = create();
      await semaphore.acquire();
      await section.enter();
      await semaphore.release();
    });
    assert.equal(section.entered, 120);
  }
  await Promise.all([redis, ...others].map((client) => client.quit()));
}

async function limits() {
  const redis = connect();
  const other = createClient({ url: `redis://127.0.0.1:${port}` });
  await other.connect();
  for (const [name, client, useRedisPackage] of [["ioredis", redis, false], ["node-redis", other, true]]) {
    const options = { storeClient: client, useRedisPackage, keyPrefix: name };
    const limiter = new RateLimiterRedis({ ...options, points: 100, duration: 3600 });
    let passed = 0;
    await crowd(10, 30, async () => {
      // What is refused says how long.
      await limiter.consume("user").then(
        () => (passed += 1),
        (refusal) => assert.ok(refusal.msBeforeNext > 3_500_000, String(refusal)),
      );
    });
    assert.equal(passed, 100);
    assert.equal((await limiter.get("user")).consumedPoints, 300);
    await limiter.reward("user", 250);
    assert.equal((await limiter.get("user")).remainingPoints, 50);
    await limiter.block("user", 3600);
    await assert.rejects(limiter.consume("user"), (refusal) => refusal.msBeforeNext > 3_500_000);
    assert.equal(await limiter.delete("user"), true);
    // Scripts that are forgotten are sent again.
    await redis.script("FLUSH");
    assert.equal((await limiter.consume("user")).remainingPoints, 99);
    const bursty = new BurstyRateLimiter(
      new RateLimiterRedis({ ...options, keyPrefix: `${name}:steady`, points: 5, duration: 3600 }),
      new RateLimiterRedis({ ...options, keyPrefix: `${name}:burst`, points: 7, duration: 3600 }),
    );
    let bursts = 0;
    await crowd(4, 5, () => bursty.consume("user").then(() => (bursts += 1), () => {}));
    assert.equal(bursts, 12);
    const queue = new RateLimiterQueue(
      new RateLimiterRedis({ ...options, keyPrefix: `${name}:queue`, points: 10, duration: 1 }),
    );
    const began = Date.now();
    await Promise.all(Array.from({ length: 25 }, () => queue.removeTokens(1)));
    assert.ok(Date.now() - began > 1000, "all at once");
  }
  await redis.quit();
  await other.close();
}

const redis = connect();
for (const [name, part] of Object.entries({
  redlock,
  "redis-semaphore": semaphores,
  "rate-limiter-flexible": limits,
})) {
  await redis.flushall();
  await part();
  console.log(`${name}: ok`);
}
await redis.quit();
