/**
 * The class part of a record, both ways.
 *
 * @module
 */

import { Global, PickleError, Tuple, type Value } from "../../pickle/mod.ts";
import { NO_TID } from "../../values/mod.ts";
import { type ClassRegistry, instantiate, type PersistentClass } from "../classes.ts";
import { CONTROL, type Control, GHOST } from "../control.ts";
import type { PersistentBase } from "../persistent.ts";
import { UnknownPersistent } from "../unknown_persistent.ts";

/** The name of the class in a description, or in a reference. @throws {PickleError} when it has none. */
export function describedClass(description: Value): Global {
  if (description instanceof Global) return description;
  if (description instanceof Tuple) {
    const [first, second] = description.items;
    if (typeof first === "string" && typeof second === "string") return new Global(first, second);
    if (first instanceof Global || first instanceof Tuple) return describedClass(first);
  }
  throw new PickleError("a class description of no known form");
}

/** A new object of the class that is described, without its state. */
export function instantiateDescribed(registry: ClassRegistry, description: Value): PersistentBase {
  const global = describedClass(description), registered = registry.named(global);
  const known = registered?.persistent ? registered.class as PersistentClass : undefined;
  const object = instantiate(known ?? UnknownPersistent), control = object[CONTROL];
  if (!known) control.pythonClass = global;
  // A class that is an object itself is named by a tuple of strings, in references and in records.
  if (description instanceof Tuple) {
    control.description = typeof description.items[0] === "string"
      ? new Tuple([description, null])
      : description;
  }
  return object;
}

/** Remembers what a record says of an object's class, where it is more than the class says by itself. */
export function keepDescription(control: Control, description: Value): void {
  control.description = description instanceof Global ? undefined : description;
}

/**
 * The class part of an object's record.
 * @throws {TypeError} when its class is not registered.
 */
export function descriptionOf(registry: ClassRegistry, control: Control): Value {
  return control.description ?? control.pythonClass ?? registeredGlobal(registry, control);
}

/**
 * Says which arguments Python's `__new__` gets for a new object, where its class has such.
 * @param write Makes a pickle's value of an argument.
 */
export function describeNew(
  registry: ClassRegistry,
  control: Control,
  write: (value: unknown) => Value,
): void {
  if (control.serial !== NO_TID || control.state === GHOST) return;
  if (control.description !== undefined || control.pythonClass !== undefined) return;
  const args = control.object.__getnewargs__?.();
  if (args) {
    control.description = new Tuple([registeredGlobal(registry, control), new Tuple(args.map(write))]);
  }
}

/** The class in references to an object; undefined where only its record can say. */
export function referenceClass(registry: ClassRegistry, control: Control): Value | undefined {
  const { description } = control;
  if (!(description instanceof Tuple)) return descriptionOf(registry, control);
  const [made, args] = description.items;
  return args === null || args === undefined ? made : undefined;
}

/** The name of an object's class, for people. */
export function classNameOf(registry: ClassRegistry, control: Control): string {
  const { object, pythonClass } = control;
  return (pythonClass ?? registry.of(object.constructor)?.global ?? object.constructor.name).toString();
}

function registeredGlobal(registry: ClassRegistry, { object }: Control): Global {
  const registered = registry.of(object.constructor);
  if (!registered) {
    const { name } = object.constructor;
    throw new TypeError(
      `class ${name} is not registered: registerClass("module.${name}", ${name}) says what it is in Python`,
    );
  }
  return registered.global;
}
