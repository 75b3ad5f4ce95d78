/**
 * Backups of data files, in directories that `repozo` can use as well.
 *
 * @module
 */

export { backUp, type BackUpOptions, type BackUpReport } from "./back_up.ts";
export type { BackupPace } from "./part_file.ts";
export { type BackupChain, BackupError, type BackupPart } from "./repository.ts";
export { restoreBackup, type RestoreOptions, type RestoreReport } from "./restore.ts";
export { type BackupVerifyOptions, verifyBackup } from "./verify.ts";
