/**
 * What goes wrong with a pickle.
 *
 * @module
 */

/** The bytes are not a pickle that this room reads, or a value is not one that it writes. */
export class PickleError extends Error {
  /** The class's name, for messages. */
  override name = "PickleError";
  /** Where in the bytes, for errors in reading. */
  readonly offset?: number;

  /**
   * An error with this message.
   *
   * @param offset Byte offset of the opcode or argument at fault.
   */
  constructor(message: string, offset?: number) {
    super(offset === undefined ? message : `pickle, byte ${offset}: ${message}`);
    this.offset = offset;
  }
}
