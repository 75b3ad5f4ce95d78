/** TLS: Python's clients on our server and on runzeo with the same configuration, and our connections to runzeo. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Channel, connect, type TlsClientOptions, TlsError, type TlsTransport } from "../../protocol/mod.ts";
import { tlsFile, tlsIdentity, tlsText } from "../fixtures/tls/mod.ts";
import {
  interopTest,
  type Json,
  type Peers,
  type PythonSession,
  type Server,
  type ServerKind,
} from "./peers.ts";

const fixtures = tlsFile(".").replace(/\/$/, "");

/** An `<ssl>` section; keys that are given replace these. */
function ssl(keys: Record<string, string | undefined> = {}): string {
  const all = { certificate: tlsFile("server.pem"), key: tlsFile("server.key"), ...keys };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined)
    .map(([key, value]) => `    ${key} ${value}`);
  return ["  <ssl>", ...lines, "  </ssl>"].join("\n");
}

const memory = "<mappingstorage>\n</mappingstorage>";

/** Our server and runzeo on the same configuration, side by side. */
async function both(
  peers: Peers,
  section: string | ((kind: ServerKind) => string),
  address?: (kind: ServerKind) => string,
): Promise<[Server, Server]> {
  const kinds = ["ours", "runzeo"] as const;
  const [ours, runzeo] = await Promise.all(kinds.map(async (kind) => {
    const folder = `${peers.folder}/${kind}-${crypto.randomUUID().slice(0, 8)}`;
    await Deno.mkdir(folder);
    const zeoSections = typeof section === "string" ? section : section(kind);
    return await peers.start({ kind, zeoSections, storages: memory, address: address?.(kind) }, folder);
  }));
  return [ours, runzeo];
}

interface Knock {
  readonly [key: string]: Json;
}

function knocks(python: PythonSession, server: Server, clients: readonly Knock[]): Promise<string[]> {
  return python.call("tls.knocks", { address: server.address, folder: fixtures, clients });
}

const identities = [
  ...["client", "other", "impostor", "leaf", "authority", "member", "webserver"],
  ...["expired", "expiredleaf", "server"],
];

const served = "TLSv1.3 M5";

await interopTest("whom a server lets in is what runzeo does with the same configuration", async (peers) => {
  const python = peers.session();
  const list = `${peers.folder}/list.pem`;
  await Deno.writeTextFile(
    list,
    ["client", "leaf", "expired", "webserver"].map((name) => tlsText(`${name}.pem`)).join(""),
  );
  const cases: [authenticate: string, letIn: readonly string[]][] = [
    [tlsFile("client.pem"), ["client"]],
    [list, ["client", "leaf"]],
    [tlsFile("authority.pem"), ["member"]],
    [tlsFile("expiredleaf.pem"), []],
    [tlsFile("hashed"), ["client"]],
    [tlsFile("plain"), []],
    ["DYNAMIC", []],
  ];
  for (const [authenticate, letIn] of cases) {
    const [ours, runzeo] = await both(peers, ssl({ authenticate }));
    const clients = [{}, ...identities.map((identity) => ({ identity }))];
    const [seen, original] = [await knocks(python, ours, clients), await knocks(python, runzeo, clients)];
    assertEquals(seen, original, authenticate);
    const expected = ["refused", ...identities.map((name) => letIn.includes(name) ? served : "refused")];
    assertEquals(seen, expected, authenticate);
    // One line for each who was refused, and none for the others.
    assertEquals(
      ours.output.match(/WARNING .*TLS handshake with 127\.0\.0\.1:\d+ failed: its? /g)?.length ?? 0,
      expected.filter((one) => one === "refused").length,
      ours.output,
    );
    await Promise.all([ours.kill(), runzeo.kill()]);
  }
});

await interopTest(
  "versions, host names and certificates of servers: Python sees with ours what it sees with runzeo",
  async (peers) => {
    const python = peers.session();
    const identity = "client";
    const clients: readonly Knock[] = [
      { identity, version: "1.2" },
      { identity, version: "1.3" },
      { version: "1.2" },
      { version: "1.3" },
      { identity, hostname: "127.0.0.1" },
      { identity, hostname: "elsewhere.example" },
      { identity, ca: "other" },
    ];
    const [ours, runzeo] = await both(peers, ssl({ authenticate: tlsFile("client.pem") }));
    const seen = await knocks(python, ours, clients);
    assertEquals(seen, await knocks(python, runzeo, clients));
    assertEquals(seen.slice(0, 6), [
      ...["TLSv1.2 M5", served, "refused", "refused", served],
      "turned away: Hostname mismatch",
    ]);
    assertMatch(seen[6], /^turned away: self[- ]signed certificate/);

    // Applications: a short write, and one of many records.
    for (const size of [10, 3_000_000]) {
      for (const server of [ours, runzeo]) {
        const told = await python.call("tls.application", {
          address: server.address,
          folder: fixtures,
          size,
        });
        assertEquals(told, [size === 10 ? 0 : 10, size]);
      }
    }
    assertEquals(
      await python.call("tls.refused", { address: ours.address, folder: fixtures }),
      await python.call("tls.refused", { address: runzeo.address, folder: fixtures }),
    );

    const [expired, original] = await both(
      peers,
      ssl({
        certificate: tlsFile("expired.pem"),
        key: tlsFile("expired.key"),
        authenticate: tlsFile("client.pem"),
      }),
    );
    const turned = await knocks(python, expired, [{ identity, ca: "expired" }]);
    assertEquals(turned, ["turned away: certificate has expired"]);
    assertEquals(turned, await knocks(python, original, [{ identity, ca: "expired" }]));
  },
);

await interopTest(
  "encrypted keys are read with a function, a file or a variable; a key may be beside its certificate",
  async (peers) => {
    const python = peers.session();
    await Deno.writeTextFile(
      `${peers.folder}/secrets.ts`,
      'export const password = () => Promise.resolve("open sesame");',
    );
    await Deno.writeTextFile(`${peers.folder}/password`, "open sesame\n");
    const authenticate = tlsFile("client.pem");
    const sections = [
      ssl({ authenticate, key: tlsFile("encrypted.key"), "password-function": "./secrets.ts#password" }),
      ssl({ authenticate, key: tlsFile("traditional.key"), "password-file": `${peers.folder}/password` }),
      ssl({ authenticate, certificate: tlsFile("both.pem"), key: undefined }),
    ];
    for (const zeoSections of sections) {
      const server = await peers.start({ kind: "ours", zeoSections, storages: memory });
      assertEquals(await knocks(python, server, [{ identity: "client" }, {}]), [served, "refused"]);
      await server.kill();
    }
  },
);

await interopTest(
  "what can't be honoured ends a server before it listens, with runzeo and with ours",
  async (peers) => {
    const authenticate = tlsFile("client.pem");
    const sections: [section: string, message: RegExp][] = [
      [ssl(), /<ssl>: expected a key "authenticate"/],
      [ssl({ authenticate: "SIGNED" }), /authenticate "SIGNED"/],
      [ssl({ authenticate: "/nowhere/at.all" }), /authenticate "\/nowhere\/at\.all"/],
      [
        ssl({ authenticate, key: tlsFile("other.key") }),
        /key .*other\.key": the key belongs to another certificate/,
      ],
      [ssl({ authenticate, key: tlsFile("encrypted.key") }), /encrypted\.key": .*there is no password/],
      [
        ssl({ authenticate, "password-function": "no.such.function" }),
        /password-function "no\.such\.function": /,
      ],
    ];
    for (const [zeoSections, message] of sections) {
      for (const kind of ["ours", "runzeo"] as const) {
        const error = await assertRejects(() => peers.start({ kind, zeoSections, storages: memory }), Error);
        if (kind === "ours") assertMatch(error.message, message);
      }
    }
  },
);

await interopTest("SIGUSR2 renews the certificates, and nobody is disconnected", async (peers) => {
  const python = peers.session();
  const file = (name: string) => `${peers.folder}/${name}`;
  await Deno.copyFile(tlsFile("server.pem"), file("certificate"));
  await Deno.copyFile(tlsFile("server.key"), file("key"));
  await Deno.copyFile(tlsFile("client.pem"), file("trusted"));
  const server = await peers.start({
    kind: "ours",
    zeoSections: ssl({ certificate: file("certificate"), key: file("key"), authenticate: file("trusted") }),
    storages: memory,
  });
  const clients = ["client", "other"].flatMap((identity) =>
    ["server", "renewed"].map((ca) => ({ identity, ca, hostname: "localhost" }))
  );
  const whoIsIn = async () => (await knocks(python, server, clients)).map((told) => told === served);
  await python.call("tls.stay", { address: server.address, folder: fixtures });
  assertEquals(await whoIsIn(), [true, false, false, false]);

  // Half of what is needed: the old ones stay.
  await Deno.copyFile(tlsFile("renewed.pem"), file("certificate"));
  Deno.kill(server.pid, "SIGUSR2");
  await server.match(/ERROR .*certificates could not be read again.*another certificate/);
  assertEquals(await whoIsIn(), [true, false, false, false]);

  await Deno.copyFile(tlsFile("renewed.key"), file("key"));
  await Deno.copyFile(tlsFile("other.pem"), file("trusted"));
  Deno.kill(server.pid, "SIGUSR2");
  await server.match(/Certificates read again successfully/);
  assertEquals(await whoIsIn(), [false, false, false, true]);
  assertEquals(await python.call("tls.stayed"), 2);
});

await interopTest("a Unix socket is plain without <ssl>, and has TLS with it", async (peers) => {
  const python = peers.session();
  for (const section of ["", ssl({ authenticate: tlsFile("client.pem") })]) {
    const servers = await both(peers, section, (kind) => `${peers.folder}/${kind}${section.length}`);
    for (const server of servers) {
      const plain = await python.call("tls.plainly", { address: server.address });
      assertEquals(plain, section === "" ? "M5" : "nothing");
      if (section === "") continue;
      assertEquals(await knocks(python, server, [{ identity: "client" }, { identity: "other" }]), [
        served,
        "refused",
      ]);
    }
  }
});

/** What a connection of ours is told first, and answers. */
async function shakeHands(server: Server, tls: TlsClientOptions): Promise<string> {
  const [hostname, port] = server.address as readonly [string, number];
  const transport = await connect({ transport: "tcp", hostname, port }, { tls });
  const channel = new Channel(transport);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const running = channel.run((bytes, start, end) => {
    resolve(new TextDecoder().decode(bytes.subarray(start, end)));
  }).then((reason) => reject(reason ?? new TlsError("the server has closed the connection")));
  try {
    return await promise;
  } finally {
    channel.sendRaw(new TextEncoder().encode("M5"));
    await channel.end();
    await running;
    await (transport as TlsTransport).closed;
  }
}

await interopTest("our connections are to runzeo with TLS what Python's are", async (peers) => {
  const [ours, runzeo] = await both(peers, ssl({ authenticate: tlsFile("client.pem") }));
  const ca = tlsText("server.pem");
  const client = tlsIdentity("client");
  for (const server of [runzeo, ours]) {
    assertEquals(await shakeHands(server, { ca, ...client }), "M5");
    assertEquals(await shakeHands(server, { ca, ...client, serverHostname: "localhost" }), "M5");
    const wrong: TlsClientOptions[] = [
      { ca },
      { ca, ...tlsIdentity("other") },
      { ca, ...tlsIdentity("impostor") },
      { ...client },
      { ca: tlsText("other.pem"), ...client },
      { ca, ...client, serverHostname: "elsewhere.example" },
    ];
    for (const tls of wrong) await assertRejects(() => shakeHands(server, tls), Error);
  }
});
