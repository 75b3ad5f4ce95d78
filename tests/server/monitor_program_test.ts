/** Monitoring of the server as a program: its configuration, its log, and what OpenTelemetry is told. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { formatTid, NO_TID, oid } from "../../values/mod.ts";
import { assertFails } from "./errors.ts";
import { until } from "./serving.ts";
import { WireClient } from "./wire_client.ts";

const program = fromFileUrl(new URL("../../server.ts", import.meta.url));
const settings = fromFileUrl(new URL("../../deno.json", import.meta.url));

/** The server in a process of its own, with exactly the permissions that it asks for. */
class Running implements AsyncDisposable {
  /** What it has written. */
  output = "";
  readonly folder: string;
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;

  constructor(zeo: string, env: Record<string, string> = {}) {
    this.folder = Deno.makeTempDirSync();
    const file = `<filestorage 1>\npath ${this.folder}/Data.fs\n</filestorage>\n`;
    Deno.writeTextFileSync(`${this.folder}/zeo.conf`, `<zeo>\n${zeo}\n</zeo>\n${file}`);
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--config", settings],
        ...[program, "-C", `${this.folder}/zeo.conf`],
      ],
      env,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr } = this.#process;
    this.#reading = Promise.all([stdout, stderr].map(async (stream) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) this.output += text;
    }));
  }

  /** Waits until what it has written matches. */
  async match(pattern: RegExp): Promise<RegExpMatchArray> {
    await until(() => pattern.test(this.output), `${pattern} in the output`);
    return this.output.match(pattern)!;
  }

  async client(): Promise<WireClient> {
    const [, port] = await this.match(/^listening on 127\.0\.0\.1:(\d+)$/m);
    return await WireClient.connect({ transport: "tcp", hostname: "127.0.0.1", port: Number(port) });
  }

  /** Its exit code, when it has ended by itself or was told to. */
  async ended(signal?: Deno.Signal): Promise<number> {
    if (signal) this.#process.kill(signal);
    const { code } = await this.#process.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.ended();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Takes what OpenTelemetry sends, in its JSON form. */
class Collector implements AsyncDisposable {
  readonly spans: Span[] = [];
  /** By name: the last points, by the value of `storage`. */
  readonly metrics = new Map<string, Map<string, Point>>();
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      const sent = await request.json();
      for (const { scopeSpans } of sent.resourceSpans ?? []) {
        for (const { scope, spans } of scopeSpans) if (scope.name === "zeo") this.spans.push(...spans);
      }
      for (const { scopeMetrics } of sent.resourceMetrics ?? []) {
        for (const { scope, metrics } of scopeMetrics) {
          if (scope.name === "zeo") { for (const metric of metrics) this.#take(metric); }
        }
      }
      return Response.json({});
    });
  }

  get environment(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#http.addr.port}`,
      OTEL_METRIC_EXPORT_INTERVAL: "200",
    };
  }

  #take(metric: Metric): void {
    const { dataPoints } = (metric.sum ?? metric.gauge ?? metric.histogram)!;
    this.metrics.set(
      metric.name,
      new Map(dataPoints.map((point) => [plain(point).storage as string, point])),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http.shutdown();
  }
}

interface Attributed {
  readonly attributes: readonly {
    readonly key: string;
    readonly value: Readonly<Record<string, string | number>>;
  }[];
}

interface Span extends Attributed {
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
}

interface Point extends Attributed {
  readonly asDouble?: number;
  readonly asInt?: string;
  readonly count?: string;
}

interface Metric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: Point[] };
  readonly gauge?: { readonly dataPoints: Point[] };
  readonly histogram?: { readonly dataPoints: Point[] };
}

/** Attributes by name. */
function plain({ attributes }: Attributed): Record<string, string | number> {
  return Object.fromEntries(attributes.map(({ key, value }) => {
    const [type, content] = Object.entries(value)[0];
    return [key, type === "intValue" ? Number(content) : content];
  }));
}

Deno.test("the program's monitor listens where the configuration says, and is not without effect", async () => {
  await using server = new Running("address 127.0.0.1:0\nmonitor 0");
  const [, port] = await server.match(/monitor listening on 127\.0\.0\.1:(\d+)/);
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  assertEquals(await response.json(), { ready: true, storages: { 1: { ready: true, readOnly: false } } });
  assert(!/no effect/.test(server.output), server.output);
  assertEquals(await server.ended("SIGTERM"), 0);
});

Deno.test("a monitor's address that is in use is a mistake in the configuration, which the message names", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  await using server = new Running(`address 127.0.0.1:0\nmonitor localhost:${port}`);
  assertEquals(await server.ended(), 2);
  assertMatch(server.output, new RegExp(`^Error: .*zeo\\.conf:1: <zeo> monitor "localhost:${port}": `, "m"));
});

for (const [key, name] of [["address", ""], ["monitor", "monitor "]]) {
  Deno.test(`with ${key} on a host that isn't known now, a supervisor is told to start it again`, async () => {
    const zeo = key === "address" ? "" : "address 127.0.0.1:0\n";
    await using server = new Running(`${zeo}${key} nosuch.invalid:8100`);
    assertEquals(await server.ended(), 1);
    assertMatch(server.output, new RegExp(`^Error: ${name}nosuch\\.invalid:8100: .`, "m"));
  });
}

Deno.test("OpenTelemetry is told of every commit, and the numbers", async () => {
  await using collector = new Collector();
  await using server = new Running("address 127.0.0.1:0\nmsgpack true", collector.environment);
  await using client = await server.client();
  const tid = await client.begin().store(oid(1), NO_TID, "12345").store(oid(2), NO_TID, "1").commit();
  await assertFails(client.begin().store(oid(1), NO_TID, "123").commit(), "ConflictError");
  await client.begin().store(oid(1), tid, "given up").abort();
  const number = (name: string) => {
    const point = collector.metrics.get(`zeo.${name}`)?.get("1");
    return Number(point?.asDouble ?? point?.asInt ?? point?.count);
  };
  await until(() => number("aborts") === 1 && number("commit") === 1, "the numbers of all transactions");
  assertEquals(["commits", "conflicts", "stores", "fsync", "lock_wait", "lock_hold"].map(number), [
    ...[1, 1, 4, 1, 2, 2],
  ]);
  assertEquals(await server.ended("SIGTERM"), 0);

  const commits = collector.spans.filter(({ name }) => name === "commit");
  const inside = (span: Span) => collector.spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
  assertEquals(commits.map((span) => [plain(span), span.status.code ?? 0]), [
    [{
      ...{ "zeo.storage": "1", "zeo.outcome": "committed", "zeo.objects": 2, "zeo.bytes": 6 },
      "zeo.tid": formatTid(tid),
    }, 0],
    [{ "zeo.storage": "1", "zeo.outcome": "conflict", "zeo.objects": 1, "zeo.bytes": 3 }, 2],
    [{ "zeo.storage": "1", "zeo.outcome": "aborted", "zeo.objects": 1, "zeo.bytes": 8 }, 0],
  ]);
  assertEquals(commits.map((span) => inside(span).map(({ name }) => name).sort()), [
    ["finish", "lock wait"],
    ["lock wait"],
    [],
  ]);
  const finish = inside(commits[0]).find(({ name }) => name === "finish")!;
  const [fsync] = inside(finish);
  assertEquals(fsync.name, "fsync");
  const times = [commits[0], finish, fsync].map((span) => BigInt(span.startTimeUnixNano));
  assertEquals(times, times.toSorted());
  assert(BigInt(fsync.endTimeUnixNano) <= BigInt(commits[0].endTimeUnixNano));
});
