/** Files of a volume, a container or an image, as `/berth/` shows them. */

export type FileType = "file" | "directory" | "symlink" | "character" | "block" | "fifo" | "socket";

export interface FileStat {
  /** Last component of the path. */
  readonly name: string;
  readonly type: FileType;
  /** Of a symbolic link: what it leads to in the end; absent when that is nothing. */
  readonly targetType?: FileType;
  /** Of a symbolic link: where it leads in the end, absolute. */
  readonly linkTarget?: string;
  /** Of a symbolic link that leads somewhere: the size, permissions, owner and time of what is there. */
  readonly sizeBytes: number;
  /** Permission bits, `0o7777` at most. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  readonly createdMs: number;
}
