/**
 * Names that Python 3 gave to modules, classes and functions of Python 2. Pickles of protocol 0 to 2 hold the
 * old ones; what we write is protocol 3, in which only the new ones are found.
 *
 * @module
 */

import { Global } from "./value.ts";

const MODULES: ReadonlyMap<string, string> = new Map([
  ["__builtin__", "builtins"],
  ["copy_reg", "copyreg"],
  ["exceptions", "builtins"],
  ["UserDict", "collections"],
  ["UserList", "collections"],
  ["UserString", "collections"],
  ["_abcoll", "collections.abc"],
  ["StringIO", "io"],
  ["cStringIO", "io"],
  ["cPickle", "pickle"],
  ["Queue", "queue"],
  ["repr", "reprlib"],
  ["thread", "_thread"],
  ["commands", "subprocess"],
  ["ConfigParser", "configparser"],
  ["SocketServer", "socketserver"],
  ["_elementtree", "xml.etree.ElementTree"],
  ["xmlrpclib", "xmlrpc.client"],
  ["SimpleXMLRPCServer", "xmlrpc.server"],
  ["httplib", "http.client"],
  ["Cookie", "http.cookies"],
  ["cookielib", "http.cookiejar"],
  ["BaseHTTPServer", "http.server"],
  ["HTMLParser", "html.parser"],
  ["htmlentitydefs", "html.entities"],
  ["urlparse", "urllib.parse"],
  ["urllib2", "urllib.request"],
  ["robotparser", "urllib.robotparser"],
  ["anydbm", "dbm"],
  ["whichdb", "dbm"],
]);

const NAMES: ReadonlyMap<string, readonly [module: string, name: string]> = new Map([
  ["__builtin__.xrange", ["builtins", "range"]],
  ["__builtin__.unicode", ["builtins", "str"]],
  ["__builtin__.basestring", ["builtins", "str"]],
  ["__builtin__.long", ["builtins", "int"]],
  ["__builtin__.unichr", ["builtins", "chr"]],
  ["__builtin__.reduce", ["functools", "reduce"]],
  ["__builtin__.intern", ["sys", "intern"]],
  ["UserDict.IterableUserDict", ["collections", "UserDict"]],
  ["exceptions.StandardError", ["builtins", "Exception"]],
  ["itertools.izip", ["builtins", "zip"]],
  ["itertools.imap", ["builtins", "map"]],
  ["itertools.ifilter", ["builtins", "filter"]],
  ["itertools.ifilterfalse", ["itertools", "filterfalse"]],
  ["itertools.izip_longest", ["itertools", "zip_longest"]],
  ["socket._socketobject", ["socket", "SocketType"]],
  ["urllib.quote", ["urllib.parse", "quote"]],
  ["urllib.quote_plus", ["urllib.parse", "quote_plus"]],
  ["urllib.unquote", ["urllib.parse", "unquote"]],
  ["urllib.unquote_plus", ["urllib.parse", "unquote_plus"]],
  ["urllib.urlencode", ["urllib.parse", "urlencode"]],
]);

/** The global that a pickle of the given protocol names. */
export function namedGlobal(module: string, name: string, protocol: number): Global {
  if (protocol < 3) {
    const renamed = NAMES.get(`${module}.${name}`);
    if (renamed !== undefined) return new Global(...renamed);
    return new Global(MODULES.get(module) ?? module, name);
  }
  return new Global(module, name);
}
