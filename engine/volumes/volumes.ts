/**
 * Volumes: directories that outlive containers. One JSON file a volume in state, its data in storage.
 */
export interface Volume {
  readonly name: string;
  readonly driver: "local";
  readonly mountpoint: string;
  /** RFC 3339, seconds. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** Made without a name: removed with its container by `--rm` and `rm -v`. */
  readonly anonymous: boolean;
}

export interface Volumes {
  list(): Promise<Volume[]>;
  /** @throws {EngineError} not-found `get <name>: no such volume` */
  get(name: string): Promise<Volume>;
  /** Returns the volume of that name if it exists, whatever its options are; a missing name makes an anonymous volume. */
  create(options: { name?: string; driver?: string; labels?: Record<string, string>; options?: Record<string, string> }): Promise<Volume>;
  /**
   * @throws {EngineError} conflict `remove <name>: volume is in use - [<container id>]`, with `force` too; not-found
   *   unless `force`
   */
  remove(name: string, options: { force: boolean }): Promise<void>;
  /**
   * Makes the volume usable (mounts bind, tmpfs or nfs options) for one container and returns the directory. Idempotent
   * for a container. `as` says where and how the container sees it, for the event.
   */
  mount(name: string, containerId: string, as?: { destination: string; readOnly: boolean; propagation: string }): Promise<string>;
  unmount(name: string, containerId: string): Promise<void>;
  /** The directory of a volume, usable until `release` is called, whether a container runs or not. */
  hold(name: string): Promise<{ directory: string; release: () => Promise<void> }>;
  /**
   * Copies what the image has at the mount target into the volume, with owners and modes, if the volume is empty.
   * @param source `path` is inside the container's root file system `root`; its symlinks cannot lead out of there
   */
  copyUp(name: string, source: { root: string; path: string }): Promise<void>;
  /** Asked before a volume is removed: the ids of containers that use it. */
  addUser(user: (name: string) => Promise<string[]>): void;
}
