/** Pseudo terminals. */
import { O, openDescriptor } from "./descriptor.ts";
import { check, declare } from "./libc.ts";

const ioctlPointer = declare("int ioctl(int fd, unsigned long request, void *argument)");
const ioctlNumber = declare("int ioctl(int fd, unsigned long request, long argument)");

/**
 * A new pseudo terminal in raw mode, so that nothing is echoed or changed on its way before its user sets it up.
 * Both descriptors are close-on-exec and the caller's.
 */
export function openTerminal(): { master: number; slave: number } {
  const [TIOCSPTLCK, TIOCGPTPEER] = [0x40045431, 0x5441];
  const master = openDescriptor("/dev/ptmx", O.RDWR | O.NOCTTY | O.CLOEXEC);
  check(ioctlPointer(master, TIOCSPTLCK, Buffer.alloc(4)), "unlock a terminal");
  const slave = check(ioctlNumber(master, TIOCGPTPEER, O.RDWR | O.NOCTTY | O.CLOEXEC), "open a terminal");
  setRaw(slave);
  return { master, slave };
}

/** cfmakeraw(3) on `struct termios`: input, output, control and local flags, 32 bits each, then the characters. */
function setRaw(terminal: number): void {
  const [TCGETS, TCSETS] = [0x5401, 0x5402];
  const termios = Buffer.alloc(64);
  check(ioctlPointer(terminal, TCGETS, termios), "read a terminal's mode");
  const clear = (offset: number, bits: number): void => void termios.writeUInt32LE((termios.readUInt32LE(offset) & ~bits) >>> 0, offset);
  const IGNBRK_TO_IXON = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
  const OPOST = 0o1;
  const ISIG_ICANON_ECHO_ECHONL_IEXTEN = 0o1 | 0o2 | 0o10 | 0o100 | 0o100000;
  clear(0, IGNBRK_TO_IXON);
  clear(4, OPOST);
  clear(12, ISIG_ICANON_ECHO_ECHONL_IEXTEN);
  check(ioctlPointer(terminal, TCSETS, termios), "set a terminal's mode");
}
