// Two processes of Socket.IO that exchange messages over Nuthatch: socketio.mjs PORT

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io } from "socket.io-client";

const MESSAGES = 200;

const ADAPTERS = {
  // PUBLISH and PSUBSCRIBE.
  classic: createAdapter,
  // SPUBLISH and SSUBSCRIBE.
  sharded: (publisher, subscriber) => createShardedAdapter(publisher, subscriber),
  // XADD and XREAD.
  streams: (client) => createStreamsAdapter(client),
};

/** One of the processes: listens, and does what it is told. */
async function serve(port, name) {
  const publisher = createClient({ url: `redis://127.0.0.1:${port}` });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const http = createServer();
  const server = new Server(http, { adapter: ADAPTERS[name](publisher, subscriber) });
  server.on("connection", (socket) => {
    socket.on("join", async (room, joined) => {
      await socket.join(room);
      joined();
    });
  });
  server.on("question", (answer) => answer(process.pid));
  process.on("message", async ({ number, command, room, event, value }) => {
    const target = room ? server.to(room) : server;
    let result = null;
    if (command === "emit") target.emit(event, value);
    if (command === "sockets") result = (await target.fetchSockets()).length;
    if (command === "acknowledge") result = await target.timeout(10_000).emitWithAck(event, value);
    if (command === "ask") result = await server.serverSideEmitWithAck("question");
    process.send({ number, result });
  });
  await once(http.listen(0, "127.0.0.1"), "listening");
  process.send({ listening: http.address().port });
}

/** The other end of a process. */
class Peer {
  #asked = new Map();
  #count = 0;

  static async start(port, name) {
    const peer = new Peer();
    peer.process = fork(fileURLToPath(import.meta.url), [port, name]);
    const [{ listening }] = await once(peer.process, "message");
    peer.port = listening;
    peer.process.on("message", ({ number, result }) => peer.#asked.get(number)(result));
    return peer;
  }

  tell(command) {
    const number = this.#count++;
    this.process.send({ number, ...command });
    return new Promise((resolve) => this.#asked.set(number, resolve));
  }
}

async function connect(peer) {
  const socket = io(`http://127.0.0.1:${peer.port}`, { transports: ["websocket"], forceNew: true });
  await once(socket, "connect");
  socket.heard = [];
  socket.on("news", (value) => socket.heard.push(value));
  socket.on("add", (value, acknowledge) => acknowledge(value + 1));
  return socket;
}

/** Waits until the condition holds; what it says is better than a time for messages that are on their way. */
async function until(what, condition) {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what} does not come about`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function exchange(port, name) {
  const peers = await Promise.all([Peer.start(port, name), Peer.start(port, name)]);
  const [first, second] = peers;
  const sockets = [await connect(first), await connect(first), await connect(second), await connect(second)];
  try {
    // Each process knows of the sockets of the other one.
    await until("the processes' knowledge of each other", async () => (await first.tell({ command: "sockets" })) === 4);
    assert.equal(await second.tell({ command: "sockets" }), 4);
    // To all, from both; in the order of each process.
    for (let number = 0; number < MESSAGES; number++) {
      await first.tell({ command: "emit", event: "news", value: ["first", number] });
      await second.tell({ command: "emit", event: "news", value: ["second", number] });
    }
    const numbers = [...Array(MESSAGES).keys()];
    for (const socket of sockets) {
      await until("the arrival of all messages", () => socket.heard.length >= 2 * MESSAGES);
      for (const from of ["first", "second"]) {
        const heard = socket.heard.filter(([source]) => source === from).map(([, number]) => number);
        assert.deepEqual(heard, numbers);
      }
      socket.heard = [];
    }
    // To a room whose sockets are on both.
    for (const socket of [sockets[0], sockets[3]]) await socket.emitWithAck("join", "room");
    await until("the room", async () => (await first.tell({ command: "sockets", room: "room" })) === 2);
    await first.tell({ command: "emit", event: "news", room: "room", value: "for the room" });
    for (const socket of [sockets[0], sockets[3]]) await until("the message", () => socket.heard.length > 0);
    await second.tell({ command: "emit", event: "news", value: "for all" });
    for (const socket of sockets) await until("the message", () => socket.heard.includes("for all"));
    const heard = sockets.map((socket) => socket.heard.filter((value) => value === "for the room").length);
    assert.deepEqual(heard, [1, 0, 0, 1]);
    // With answers, of sockets and of the other process.
    const sums = await first.tell({ command: "acknowledge", event: "add", value: 41 });
    assert.deepEqual(sums, [42, 42, 42, 42]);
    assert.deepEqual(await first.tell({ command: "ask" }), [second.process.pid]);
  } finally {
    for (const socket of sockets) socket.disconnect();
    for (const peer of peers) peer.process.kill();
  }
}

const [port, name] = process.argv.slice(2);
if (name) {
  await serve(port, name);
} else {
  for (const adapter of Object.keys(ADAPTERS)) {
    await exchange(port, adapter);
    console.log(`socket.io, ${adapter} adapter: ok`);
  }
}
