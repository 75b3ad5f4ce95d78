/**
 * Which file an `%include` or a `-C` names: a path, or a `file:` URL.
 *
 * @module
 */

/** A file that can't be named that way. */
export class LocationError extends Error {
  /** Tells it from other errors. */
  override name = "LocationError";
}

// Two letters at least: one is a drive.
const SCHEME = /^([a-zA-Z][-+.a-zA-Z0-9]+):/;
const ROOTED = /^([/\\]|[a-zA-Z]:[/\\])/;

function unescape(text: string): string {
  return text.replace(/(%[0-9a-fA-F]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** Drops what `.` and `..` in the middle make unnecessary; a relative path stays relative. */
function tidy(path: string): string {
  const rooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !rooted) parts.push(part);
  }
  return `${rooted ? "/" : ""}${parts.join("/")}`;
}

function filePath(location: string, scheme: string): string {
  if (scheme.toLowerCase() !== "file") {
    throw new LocationError(`${scheme}: URLs can't be read: expected a path or a file: URL`);
  }
  const rest = location.slice(scheme.length + 1);
  return unescape(rest.startsWith("//") ? rest.slice(rest.indexOf("/", 2)) : rest);
}

/** The path that a location given from outside names. Throws {@link LocationError}. */
export function toPath(location: string): string {
  const scheme = SCHEME.exec(location)?.[1];
  return scheme === undefined ? location : filePath(location, scheme);
}

/** The path that a location in a file names, relative to that file. Throws {@link LocationError}. */
export function resolveLocation(location: string, including: string): string {
  if (location.includes("#")) {
    throw new LocationError(`"#" has no meaning in the name of a file to include: write %23`);
  }
  const scheme = SCHEME.exec(location)?.[1];
  const path = scheme === undefined ? unescape(location) : filePath(location, scheme);
  if (ROOTED.test(path)) return path;
  const folder = including.slice(0, including.lastIndexOf("/") + 1);
  return tidy(folder + path);
}
