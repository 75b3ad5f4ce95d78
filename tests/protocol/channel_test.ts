import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Channel, msgpackCodec, pickleCodec } from "../../protocol/mod.ts";
import { Dict, Global } from "../../pickle/mod.ts";
import { oid, POSKeyError, ProtocolError } from "../../values/mod.ts";
import { wireVectors } from "../fixtures/mod.ts";
import { frames, MemoryTransport, settle } from "./memory_transport.ts";
import { show } from "./show.ts";

const text = new TextEncoder();

/** A channel that has shaken hands and answers each message with its own bytes. */
function echoing(limits = { message: 4 << 20, buffered: 4 << 20 }) {
  const transport = new MemoryTransport();
  const channel = new Channel(transport, limits);
  channel.speak(msgpackCodec);
  const handled: number[] = [];
  const running = channel.run((bytes, start, end) => {
    handled.push(end - start);
    channel.sendRaw(bytes.slice(start, end));
  });
  return { transport, channel, handled, running };
}

Deno.test("what arrived together is answered in one write", async () => {
  const { transport, running } = echoing();
  const messages = Array.from({ length: 100 }, (_, i) => text.encode(`message ${i}`));
  transport.push(frames(...messages));
  await settle();
  assertEquals(transport.writes.length, 1);
  assertEquals(transport.sent, messages);
  transport.finish();
  assertEquals(await running, undefined);
});

Deno.test("what is said in one turn leaves in one write, in the order in which it was said", async () => {
  const { transport, channel, running } = echoing();
  await settle();
  channel.notify("first", [1]);
  channel.reply(7, null);
  channel.replyError(8, new TypeError("no"));
  channel.sendRaw(text.encode("last"));
  assertEquals(transport.writes.length, 0);
  await settle();
  assertEquals(transport.writes.length, 1);
  const [first, reply, error, last] = transport.sent;
  assertEquals(first.toHex(), "9400c3a566697273749101");
  assertEquals(reply.toHex(), "940700a62e7265706c79c0");
  assertEquals(show(msgpackCodec.decode(error).args), '("builtins.TypeError",("no"))');
  assertEquals(last, text.encode("last"));
  channel.close();
  await running;
});

Deno.test("errors and calls have the original's bytes, in pickles too", async () => {
  const { vectors } = wireVectors();
  for (const [codec, encoding] of [[msgpackCodec, "M"], [pickleCodec, "Z"]] as const) {
    const transport = new MemoryTransport(), channel = new Channel(transport);
    channel.speak(codec);
    const running = channel.run(() => {});
    channel.replyError(4, new POSKeyError(oid(1)));
    channel.notify("info", [Dict.from([["length", 2], ["size", 70_000]])]);
    await settle();
    const expected = ["POSKeyError", "info"].map((name) =>
      vectors.find((one) => one.name === name)![encoding]
    );
    assertEquals(transport.sent.map((message) => message.toHex()), expected);
    channel.close();
    await running;
  }
});

Deno.test("while one write is under way everything else waits for the next, in order", async () => {
  const { transport, channel, running } = echoing();
  transport.stall();
  for (let i = 0; i < 50; i++) {
    channel.sendRaw(text.encode(`${i}`));
    await Promise.resolve();
  }
  await settle();
  assertEquals(transport.writes.length, 1);
  transport.flow();
  await settle();
  assertEquals(transport.writes.length, 2);
  assertEquals(transport.sent, Array.from({ length: 50 }, (_, i) => text.encode(`${i}`)));
  channel.close();
  await running;
});

Deno.test("a peer that takes a few bytes at a time gets everything in order", async () => {
  const { transport, running } = echoing();
  transport.trickle(7);
  const messages = Array.from({ length: 30 }, (_, i) => text.encode(`message number ${i}`));
  const stream = frames(...messages);
  transport.push(stream);
  while (transport.writes.length < Math.ceil(stream.length / 7)) await settle();
  assertEquals(transport.sent, messages);
  transport.finish();
  assertEquals(await running, undefined);
});

Deno.test("a peer that sends and doesn't read is not read from any more, and is when it reads again", async () => {
  const { transport, handled, running } = echoing();
  transport.stall();
  const message = new Uint8Array(100_000);
  for (let i = 0; i < 100; i++) transport.push(frames(message));
  for (let i = 0; i < 80; i++) await settle();
  const whileStalled = handled.length;
  assert(whileStalled * message.length < 3 << 20, `${whileStalled} messages were answered`);
  assert(transport.unread > 6_000_000, `only ${transport.unread} of 10 million bytes were left unread`);
  const { reads } = transport;
  for (let i = 0; i < 20; i++) await settle();
  assertEquals(transport.reads, reads);
  transport.flow();
  while (handled.length < 100) await settle();
  await settle();
  assertEquals(transport.sent.length, 100);
  transport.finish();
  assertEquals(await running, undefined);
});

Deno.test("a peer that doesn't read is not disconnected for its own pipelined calls, however small the limit", async () => {
  const { transport, handled, running } = echoing({ message: 200_000, buffered: 200_000 });
  transport.stall();
  for (let i = 0; i < 100; i++) transport.push(frames(new Uint8Array(50_000)));
  for (let i = 0; i < 80; i++) await settle();
  assertEquals(transport.closed, false);
  transport.flow();
  while (handled.length < 100) await settle();
  transport.finish();
  assertEquals(await running, undefined);
});

Deno.test("a peer that is told more than it takes is disconnected, with both numbers as the reason", async () => {
  const { transport, channel, running } = echoing({ message: 1000, buffered: 100_000 });
  transport.stall();
  for (let i = 0; i < 400 && !channel.closed; i++) {
    channel.sendRaw(new Uint8Array(1000));
    await settle();
  }
  const reason = await running;
  assert(reason instanceof ProtocolError);
  assertStringIncludes((reason as Error).message, "wait for a peer that doesn't read them, limit 100000");
  assert(channel.closed && transport.closed);
  assert(channel.buffered < 110_000);
});

Deno.test("one reply longer than the limit is sent all the same", async () => {
  const { transport, channel, running } = echoing({ message: 1000, buffered: 1000 });
  channel.sendRaw(new Uint8Array(50_000));
  await settle();
  assertEquals(transport.sent.map((message) => message.length), [50_000]);
  channel.close();
  assertEquals(await running, undefined);
});

Deno.test("one reply longer than the limit is sent also while the one before it is still under way", async () => {
  const { transport, running } = echoing({ message: 100_000, buffered: 1000 });
  transport.stall();
  transport.push(frames(new Uint8Array(500)));
  await settle();
  transport.push(frames(new Uint8Array(50_000)));
  await settle();
  assertEquals(transport.closed, false);
  transport.flow();
  await settle();
  assertEquals(transport.sent.map((message) => message.length), [500, 50_000]);
  transport.finish();
  assertEquals(await running, undefined);
});

Deno.test("before the handshake a message has 64 bytes at most, afterwards as many as the limit says", async () => {
  const refused = new MemoryTransport();
  const waiting = new Channel(refused, { message: 1000, buffered: 1000 });
  const running = waiting.run(() => {});
  refused.push(frames(new Uint8Array(65)));
  assertEquals((await running as Error).message, "message of 65 bytes, limit 64");

  const { transport, handled, running: later } = echoing({ message: 1000, buffered: 1000 });
  transport.push(frames(new Uint8Array(1000), new Uint8Array(1001)));
  assertEquals((await later as Error).message, "message of 1001 bytes, limit 1000");
  assertEquals(handled, [1000]);
});

Deno.test("a peer that leaves within a message is told apart from one that leaves between messages", async () => {
  const { transport, running } = echoing();
  transport.push(frames(new Uint8Array(10)).subarray(0, 9));
  transport.finish();
  assertEquals((await running as Error).message, "the peer left within a message, after 9 bytes of it");
});

Deno.test("messages that take long to handle leave turns to others, and none is lost", async () => {
  const transport = new MemoryTransport();
  const channel = new Channel(transport);
  channel.speak(msgpackCodec);
  let handled = 0;
  const running = channel.run(() => {
    handled++;
    for (const end = performance.now() + 1; performance.now() < end;);
  });
  transport.push(frames(...Array.from({ length: 200 }, () => new Uint8Array(1))));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(handled < 200, "all were handled before anybody else had a turn");
  while (handled < 200) await settle();
  transport.finish();
  assertEquals(await running, undefined);
});

Deno.test("a peer with thousands of calls that are answered later is not read from until one is", async () => {
  const transport = new MemoryTransport();
  const channel = new Channel(transport);
  channel.speak(msgpackCodec);
  const answers: PromiseWithResolvers<void>[] = [];
  const running = channel.run(() => {
    answers.push(Promise.withResolvers());
    channel.answersLater(answers.at(-1)!.promise);
  });
  transport.push(frames(...Array.from({ length: 5000 }, () => new Uint8Array(1))));
  const quiet = async () => {
    for (let i = 0; i < 20; i++) await settle();
  };
  await quiet();
  assertEquals(answers.length, 4096);
  answers[0].resolve();
  answers[7].reject(new Error("it went wrong"));
  await quiet();
  assertEquals(answers.length, 4098);
  for (let i = 0; i < answers.length; i++) {
    answers[i].resolve();
    if (i === answers.length - 1) await quiet();
  }
  assertEquals(answers.length, 5000);
  transport.finish();
  assertEquals(await running, undefined);
});

Deno.test("an error of the handler ends the connection and is the reason", async () => {
  const transport = new MemoryTransport();
  const channel = new Channel(transport);
  const running = channel.run(() => {
    throw new ProtocolError("nonsense");
  });
  transport.push(frames(new Uint8Array(1), new Uint8Array(1)));
  assertEquals((await running as Error).message, "nonsense");
  assert(transport.closed);
});

Deno.test("a message that can't be encoded leaves nothing behind in what is sent", async () => {
  const { transport, channel, running } = echoing();
  channel.reply(1, "before");
  assertThrows(() => channel.reply(2, ["half", new Global("os", "system")]), TypeError);
  channel.reply(3, "after");
  await settle();
  assertEquals(transport.sent.map((message) => msgpackCodec.decode(message).args), ["before", "after"]);
  channel.close();
  await running;
});

Deno.test("ending sends what there is and then closes; what is said later is thrown away", async () => {
  const { transport, channel, running } = echoing();
  transport.stall();
  channel.sendRaw(new Uint8Array(5));
  const ended = channel.end();
  await settle();
  assertEquals(transport.closed, false);
  transport.flow();
  await ended;
  assert(transport.closed);
  channel.sendRaw(new Uint8Array(6));
  await settle();
  assertEquals(transport.sent.map((message) => message.length), [5]);
  assertEquals(await running, undefined);
});

Deno.test("closing again and again is fine", async () => {
  const { channel, running } = echoing();
  channel.close(new Error("first"));
  channel.close(new Error("second"));
  assertEquals((await running as Error).message, "first");
});
