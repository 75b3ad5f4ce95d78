/**
 * Which class here stands for which class in Python.
 *
 * @module
 */

import { Global } from "../pickle/mod.ts";
import { Persistent, PersistentBase } from "./persistent.ts";

/** A class of persistent objects. Its constructor may take what it likes; ghosts are made without. */
// Constructors with any parameters are only assignable to one whose parameters are `never`.
export type PersistentClass<T extends PersistentBase = PersistentBase> = abstract new (...args: never[]) => T;

/** A class of plain objects, whose attributes are stored inside the records of persistent ones. */
export type PlainClass = abstract new (...args: never[]) => object;

/** How Python's dicts are read: as maps, or as plain objects where all keys are strings. */
export type DictStyle = "map" | "object";

/** What else is said about a class. */
export interface ClassOptions {
  /** How dicts in its objects' states are read; as the database is set up unless told otherwise. */
  readonly dicts?: DictStyle;
}

/** What is known about a registered class. */
export interface RegisteredClass extends ClassOptions {
  /** Its name in Python. */
  readonly global: Global;
  /** The class here. */
  readonly class: PersistentClass | PlainClass;
  /** Whether its objects are persistent. */
  readonly persistent: boolean;
}

/** Classes by their names in Python. Names in records are looked up here and nowhere else. */
export class ClassRegistry {
  readonly #byName = new Map<string, RegisteredClass>();
  readonly #byClass = new Map<object, RegisteredClass>();

  /**
   * Registers a class.
   *
   * @param name Module and class, `bank.models.Account`; with a colon where the class is nested in another,
   * `bank.models:Bank.Account`.
   * @throws {TypeError} when the name has no module, or another class has it.
   */
  register(name: string, registered: PersistentClass | PlainClass, options: ClassOptions = {}): void {
    const global = parseName(name), key = global.toString();
    const other = this.#byName.get(key);
    if (other && other.class !== registered) {
      throw new TypeError(`class ${name} is registered already, for another class`);
    }
    const persistent = registered.prototype instanceof PersistentBase;
    const entry = { ...options, global, class: registered, persistent };
    this.#byName.set(key, entry);
    // A class with several names is written with the first.
    if (!this.#byClass.has(registered)) this.#byClass.set(registered, entry);
  }

  /** The class of a name in Python; undefined when it isn't known. */
  named(global: Global): RegisteredClass | undefined {
    return this.byName(global.toString());
  }

  /** The same by the dotted name, `bank.models.Account`. */
  byName(name: string): RegisteredClass | undefined {
    return this.#byName.get(name);
  }

  /** What is known of a class; undefined when it isn't registered. */
  of(registered: object): RegisteredClass | undefined {
    return this.#byClass.get(registered);
  }
}

function parseName(name: string): Global {
  const colon = name.indexOf(":"), at = colon >= 0 ? colon : name.lastIndexOf(".");
  if (at <= 0 || at === name.length - 1) {
    throw new TypeError(
      `class name ${JSON.stringify(name)}: expected module and class, "bank.models.Account"`,
    );
  }
  return new Global(name.slice(0, at), name.slice(at + 1));
}

/** The classes that every database knows. */
export const classes: ClassRegistry = new ClassRegistry();

/**
 * Says which class here stands for a class in Python. Objects of classes that are not registered are read as
 * `UnknownPersistent`, and can't be stored when they are new.
 *
 * @throws {TypeError} as {@linkcode ClassRegistry.register}.
 *
 * @example
 * ```ts
 * import { Persistent, registerClass } from "./mod.ts";
 *
 * class Account extends Persistent {
 *   balance = 0;
 * }
 * registerClass("bank.models.Account", Account);
 * ```
 */
export function registerClass(
  name: string,
  registered: PersistentClass | PlainClass,
  options: ClassOptions = {},
): void {
  classes.register(name, registered, options);
}

/** A new object of a class, without its state: what will be a ghost. */
export function instantiate(known: PersistentClass): PersistentBase {
  // As in Python, the constructor is for new objects only; one that keeps its own state needs it for its fields.
  if (known.prototype instanceof Persistent) {
    return Reflect.construct(Persistent, [], known) as PersistentBase;
  }
  return Reflect.construct(known as unknown as new () => PersistentBase, []);
}
