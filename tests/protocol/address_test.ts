import { assertEquals } from "@std/assert";
import { formatAddress, pythonAddress } from "../../protocol/mod.ts";

Deno.test("addresses are written as they are understood, IPv6 in brackets", () => {
  assertEquals(formatAddress({ transport: "tcp", hostname: "127.0.0.1", port: 8100 }), "127.0.0.1:8100");
  assertEquals(formatAddress({ transport: "tcp", hostname: "::1", port: 8100 }), "[::1]:8100");
  assertEquals(formatAddress({ transport: "unix", path: "/run/zeo.sock" }), "/run/zeo.sock");
});

Deno.test("log lines have addresses as Python prints them", () => {
  assertEquals(pythonAddress({ transport: "tcp", hostname: "", port: 8100 }), "('', 8100)");
  assertEquals(pythonAddress({ transport: "tcp", hostname: "::1", port: 1 }), "('::1', 1)");
  assertEquals(pythonAddress({ transport: "unix", path: "/run/zeo.sock" }), "/run/zeo.sock");
});
