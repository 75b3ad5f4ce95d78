/**
 * All commands, in the order of the overview.
 *
 * @module
 */

import { backup } from "./backup.ts";
import { cache } from "./cache.ts";
import { check } from "./check.ts";
import type { Command } from "./command.ts";
import { completions } from "./completions.ts";
import { copy } from "./copy.ts";
import { dump } from "./dump.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { pack } from "./pack.ts";
import { recover } from "./recover.ts";
import { restore } from "./restore.ts";
import { serve } from "./serve.ts";
import { shell } from "./shell.ts";
import { stats } from "./stats.ts";
import { status } from "./status.ts";
import { tail } from "./tail.ts";
import { traceOid } from "./trace_oid.ts";
import { verify } from "./verify.ts";

/** See the module. */
export const commands: readonly Command[] = [
  serve,
  status,
  check,
  pack,
  dump,
  tail,
  stats,
  traceOid,
  verify,
  recover,
  copy,
  backup,
  restore,
  exportCommand,
  importCommand,
  shell,
  cache,
  completions(() => commands),
];
