/**
 * Whether an entry of the undo log has what a client asks for.
 *
 * @module
 */

import { Dict, Float, Global, Instance, Tuple, type Value } from "../pickle/mod.ts";
import { equalBytes } from "../values/mod.ts";
import { itemsOf } from "./arguments.ts";

/** Values nested deeper than this are called different. */
const DEEPEST = 20;

/**
 * Whether a wanted value is the one that was found, as Python compares them; a path prefix of Zope is equal to every
 * user name that begins with its path.
 */
export function sameValue(wanted: Value, found: Value, depth = 0): boolean {
  if (depth > DEEPEST) return false;
  if (wanted instanceof Instance) return isPathPrefix(wanted) && hasPrefix(wanted, found);
  if (wanted instanceof Uint8Array) return found instanceof Uint8Array && equalBytes(wanted, found);
  if (wanted instanceof Tuple !== found instanceof Tuple) return false;
  const items = itemsOf(wanted), others = itemsOf(found);
  if (items || others) {
    return items?.length === others?.length &&
      items!.every((item, i) => sameValue(item, others![i], depth + 1));
  }
  if (wanted instanceof Dict) {
    return found instanceof Dict && found.size === wanted.size && [...wanted].every(([key, item]) => {
      const other = found.get(key);
      return other !== undefined && sameValue(item, other, depth + 1);
    });
  }
  return plain(wanted) === plain(found);
}

/** Numbers and booleans as one kind, as Python compares them. */
function plain(value: Value): Value {
  if (typeof value === "boolean") return Number(value);
  return value instanceof Float ? value.value : value;
}

function isPathPrefix({ class: made }: Instance): boolean {
  return made instanceof Global && made.module === "ZopeUndo.Prefix" && made.name === "Prefix";
}

function hasPrefix({ state }: Instance, found: Value): boolean {
  const path = state instanceof Dict ? itemsOf(state.get("path") ?? null) : undefined;
  if (!path || !(found instanceof Uint8Array)) return false;
  const [place] = new TextDecoder().decode(found).split(" ");
  const parts = place.split("/");
  return path.every((part, i) => part === parts[i]);
}
