/**
 * Paths as text: the home directory, and the directory that a path names something in.
 *
 * @module
 */

import type { ConfigurationHost } from "./host.ts";

/** The path with a leading `~` replaced by the home directory, where that is known. */
export function expandHome(path: string, host: ConfigurationHost): string {
  if (path !== "~" && !path.startsWith("~/")) return path;
  const home = host.environment("HOME");
  if (home === undefined) return path;
  return home.replace(/\/+$/, "") + path.slice(1) || "/";
}

/** Everything before the last part of a path; empty for a bare name, `data` for `data/`. */
export function directoryOf(path: string): string {
  const head = path.slice(0, path.lastIndexOf("/") + 1);
  return /^\/*$/.test(head) ? head : head.replace(/\/+$/, "");
}
