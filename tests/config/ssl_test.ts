/** `<ssl>` of a server: what is wrong with it is told with its place, before anything is opened. */

import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ConfigurationError, loadServerTls, parseServerConfiguration } from "../../config/mod.ts";
import { tlsFile, tlsText } from "../fixtures/tls/mod.ts";

/** A configuration whose `<ssl>` is on line 3. */
function section(keys: Record<string, string | undefined>) {
  const all = {
    ...{
      certificate: tlsFile("server.pem"),
      key: tlsFile("server.key"),
      authenticate: tlsFile("client.pem"),
    },
    ...keys,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined)
    .map(([key, value]) => `    ${key} ${value}`);
  const text = [
    "<zeo>",
    "  address 8100",
    "  <ssl>",
    ...lines,
    "  </ssl>",
    "</zeo>",
    "<mappingstorage/>",
    "",
  ];
  const { zeo } = parseServerConfiguration(text.join("\n"), {}, "zeo.conf");
  return zeo.ssl!;
}

async function files(contents: Record<string, string>): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  for (const [name, text] of Object.entries(contents)) await Deno.writeTextFile(`${path}/${name}`, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

const encrypted = { key: tlsFile("encrypted.key") };

Deno.test("certificates, keys and passwords of <ssl> are read", async () => {
  await using folder = await files({
    "secrets.ts":
      'export const password = () => "open sesame"; export async function later() { return await password(); }',
    "password": "open sesame\r\n",
  });
  const sources = [
    { "password-function": `${folder.path}/secrets.ts#password` },
    { "password-function": `${folder.path}/secrets.ts#later` },
    { "password-file": `${folder.path}/password` },
    { "password-variable": "ZEO_TEST_KEY_PASSWORD" },
  ];
  Deno.env.set("ZEO_TEST_KEY_PASSWORD", "open sesame");
  try {
    for (const source of sources) {
      const tls = await loadServerTls(section({ ...encrypted, ...source }));
      assertEquals(tls.password, "open sesame");
      assertEquals(tls.certificate, tlsText("server.pem"));
      assertEquals(tls.authenticate, [tlsText("client.pem").trim()]);
    }
  } finally {
    Deno.env.delete("ZEO_TEST_KEY_PASSWORD");
  }
  assertEquals(
    (await loadServerTls(section({ key: undefined, certificate: tlsFile("both.pem") }))).key,
    undefined,
  );
  assertEquals((await loadServerTls(section({ authenticate: "DYNAMIC" }))).authenticate, []);
  assertEquals((await loadServerTls(section({ authenticate: tlsFile("plain") }))).authenticate, []);
  assertEquals((await loadServerTls(section({ authenticate: tlsFile("hashed") }))).authenticate, [
    tlsText("client.pem").trim(),
  ]);
});

Deno.test("what is wrong with <ssl> is told with file, line, key and value", async () => {
  await using folder = await files({
    "secrets.ts": 'export const password = "open sesame"; export const number = () => 7; ' +
      'export const wrong = () => "open barley";',
    "revoked": `${tlsText("client.pem")}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n`,
    "broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  });
  const at = (name: string) => `${folder.path}/${name}`;
  const cases: [keys: Record<string, string | undefined>, message: RegExp][] = [
    [{ certificate: at("nothing") }, /certificate ".*nothing": can't read it: /],
    [{ certificate: at("secrets.ts") }, /certificate ".*secrets\.ts": there is no certificate in it/],
    [{ certificate: at("broken.pem") }, /broken\.pem": certificate 1 can't be read/],
    [{ key: undefined }, /certificate ".*server\.pem": there is no key in it/],
    [{ key: at("nothing") }, /key ".*nothing": can't read it: /],
    [{ key: at("secrets.ts") }, /key ".*secrets\.ts": there is no key in it/],
    [{ key: tlsFile("other.key") }, /key ".*other\.key": the key belongs to another certificate/],
    [encrypted, /key ".*encrypted\.key": .*there is no password; expected password-file, /],
    [
      { ...encrypted, "password-function": "app.secrets.password" },
      /password-function "app\.secrets\.password": Python/,
    ],
    [{ ...encrypted, "password-function": `${at("secrets.ts")}#none` }, /exports no function none/],
    [{ ...encrypted, "password-function": `${at("secrets.ts")}#password` }, /exports no function password/],
    [
      { ...encrypted, "password-function": `${at("secrets.ts")}#number` },
      /has returned number, expected a string/,
    ],
    [
      { ...encrypted, "password-function": `${at("secrets.ts")}#wrong` },
      /#wrong": the key can't be decrypted/,
    ],
    [{ ...encrypted, "password-function": `${at("nothing.ts")}#password` }, /can't call it: /],
    [{ ...encrypted, "password-file": at("nothing") }, /password-file ".*nothing": can't read it: /],
    [
      { ...encrypted, "password-variable": "ZEO_TEST_UNSET" },
      /password-variable "ZEO_TEST_UNSET": there is no such/,
    ],
    [
      { authenticate: "SIGNED" },
      /authenticate "SIGNED": clients with any signed certificate are not supported/,
    ],
    [{ authenticate: at("nothing") }, /authenticate ".*nothing": there is no such file or folder/],
    [{ authenticate: at("secrets.ts") }, /authenticate ".*secrets\.ts": there is no certificate in it/],
    [
      { authenticate: at("revoked") },
      /authenticate ".*revoked": lists of revoked certificates are not supported/,
    ],
  ];
  for (const [keys, message] of cases) {
    const error = await assertRejects(() => loadServerTls(section(keys)), ConfigurationError);
    assertMatch(error.message, message);
    assertMatch(error.message, /^zeo\.conf:3: <ssl> /);
  }
  assertThrows(
    () => section({ authenticate: undefined }),
    ConfigurationError,
    'expected a key "authenticate"',
  );
  assertThrows(
    () => section({ ...encrypted, "password-file": at("a"), "password-variable": "B" }),
    ConfigurationError,
    "expected only one of password-file and password-variable",
  );
});
