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

/** A layer of an image, and what it does to those below it. */
export interface ImageLayerFiles {
  readonly diffId: string;
  /** Bytes of the layer's own files. */
  readonly sizeBytes: number;
  /** Its line of the image's history, counted from the oldest; absent when the history does not say. */
  readonly historyIndex?: number;
  /** In path order. Directories have a size of 0. */
  readonly files: readonly {
    readonly path: string;
    readonly kind: "added" | "changed" | "removed";
    readonly directory: boolean;
    readonly sizeBytes: number;
  }[];
}
