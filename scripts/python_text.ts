/**
 * Values as Python's tools print them, for whoever reads our output with programs made for theirs.
 *
 * @module
 */

import { type Tid, tidTime } from "../values/mod.ts";

const NAMED: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\" };

/** Bytes as Python shows them: `b'it\'s "so"'`. */
export function bytesText(bytes: Uint8Array): string {
  return `b${quoted(Array.from(bytes), 0x7f)}`;
}

/** A text of single-byte characters as Python shows it. */
export function latinText(text: string): string {
  return quoted(Array.from(text, (character) => character.charCodeAt(0)), 0x7f);
}

function quoted(codes: readonly number[], end: number): string {
  const quote = codes.includes(0x27) && !codes.includes(0x22) ? 0x22 : 0x27;
  const body = codes.map((code) => {
    if (code === quote) return `\\${String.fromCharCode(quote)}`;
    if (NAMED[code]) return NAMED[code];
    if (code >= 0x20 && code < end) return String.fromCharCode(code);
    return `\\x${code.toString(16).padStart(2, "0")}`;
  });
  const mark = String.fromCharCode(quote);
  return `${mark}${body.join("")}${mark}`;
}

/** A transaction id's moment, UTC: `2026-11-22 15:16:36.747933`. */
export function timeText(tid: Tid): string {
  const minute = Math.floor(tidTime(tid) / 60_000) * 60_000;
  const seconds = Number(tid & 0xffff_ffffn) * 60 / 2 ** 32;
  const day = new Date(minute).toISOString();
  return `${day.slice(0, 10)} ${day.slice(11, 16)}:${fixed(seconds, 6).padStart(9, "0")}`;
}

/** A number with a fixed number of decimals. Where two are as near, Python takes the even one. */
export function fixed(value: number, decimals: number): string {
  const scaled = value * 10 ** decimals;
  const tie = scaled % 1 === 0.5 && Number.isInteger(value * 2 ** (decimals + 1));
  return tie && Math.floor(scaled) % 2 === 0
    ? (Math.floor(scaled) / 10 ** decimals).toFixed(decimals)
    : value.toFixed(decimals);
}
