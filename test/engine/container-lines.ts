/** Lines of docker around `run`, and what each must say. */

/** Arguments of docker, and what it must say; a regular expression or the whole output, `ID` standing for any full id. */
export interface Case {
  readonly args: readonly string[];
  readonly exitCode?: number;
  readonly stdout?: string | RegExp;
  readonly stderr?: string | RegExp;
}

const START = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ";

export const CASES: readonly Case[] = [
  { args: ["run", "--rm", "busybox", "echo", "hello"], stdout: "hello\n", stderr: "" },
  { args: ["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3"], exitCode: 3, stdout: "out\n", stderr: "err\n" },
  { args: ["run", "--rm", "--entrypoint", "echo", "busybox", "from entrypoint"], stdout: "from entrypoint\n" },
  { args: ["run", "--rm", "-e", "A=1", "-e", "B=two words", "busybox", "sh", "-c", 'echo "$A $B"'], stdout: "1 two words\n" },
  { args: ["run", "--rm", "-e", "A=x\ny", "busybox", "sh", "-c", 'echo "$A"'], stdout: "x\ny\n" },
  { args: ["run", "--rm", "-w", "/srv/deep", "busybox", "pwd"], stdout: "/srv/deep\n" },
  { args: ["run", "--rm", "-u", "1000:50", "busybox", "sh", "-c", "id -u; id -g"], stdout: "1000\n50\n" },
  { args: ["run", "--rm", "-u", "1000", "busybox", "sh", "-c", "echo to stdout > /dev/stdout"], stdout: "to stdout\n" },
  { args: ["run", "--rm", "-h", "box", "--domainname", "example.org", "busybox", "hostname"], stdout: "box\n" },
  { args: ["run", "--rm", "--add-host", "there:10.1.2.3", "busybox", "grep", "there", "/etc/hosts"], stdout: "10.1.2.3\tthere\n" },
  { args: ["run", "--rm", "--read-only", "busybox", "touch", "/x"], exitCode: 1, stderr: /Read-only file system/ },
  { args: ["run", "--rm", "--tmpfs", "/t:size=64k", "busybox", "sh", "-c", "df /t | tail -1"], stdout: /^tmpfs +64 / },
  { args: ["run", "--rm", "--shm-size", "1m", "busybox", "sh", "-c", "df /dev/shm | tail -1"], stdout: /^shm +1024 / },
  { args: ["run", "--rm", "--ulimit", "nofile=100:200", "busybox", "sh", "-c", "ulimit -n; ulimit -Hn"], stdout: "100\n200\n" },
  { args: ["run", "--rm", "--sysctl", "net.ipv4.ip_forward=1", "busybox", "cat", "/proc/sys/net/ipv4/ip_forward"], stdout: "1\n" },
  { args: ["run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net"], stdout: "lo\n" },
  { args: ["run", "--rm", "--pid", "host", "--ipc", "host", "--uts", "host", "busybox", "true"] },
  { args: ["run", "--rm", "--device", "/dev/null:/dev/mynull:rw", "busybox", "ls", "/dev/mynull"], stdout: "/dev/mynull\n" },
  {
    args: [
      "run",
      "--rm",
      "--cap-drop",
      "ALL",
      "--cap-add",
      "NET_ADMIN",
      "--cap-add",
      "CAP_CHOWN",
      "busybox",
      "grep",
      "CapEff",
      "/proc/self/status",
    ],
    stdout: "CapEff:\t0000000000001001\n",
  },
  {
    args: [
      "run",
      "--rm",
      "--security-opt",
      "no-new-privileges",
      "--security-opt",
      "seccomp=unconfined",
      "busybox",
      "grep",
      "-E",
      "NoNewPrivs|Seccomp:",
      "/proc/self/status",
    ],
    stdout: "NoNewPrivs:\t1\nSeccomp:\t0\n",
  },
  {
    args: ["run", "--rm", "--privileged", "busybox", "sh", "-c", "grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp && echo mounted"],
    stdout: "Seccomp:\t0\nmounted\n",
  },
  {
    args: ["run", "busybox", "nosuchcmd"],
    exitCode: 127,
    stderr: new RegExp(`${START}unable to start container process: exec: "nosuchcmd": executable file not found in \\$PATH`),
  },
  { args: ["run", "busybox", "/etc"], exitCode: 126, stderr: /exec: "\/etc": (permission denied|is a directory)/ },
  {
    args: ["run", "--rm", "-u", "nosuchuser", "busybox", "true"],
    exitCode: 125,
    stderr: /: unable to find user nosuchuser: no matching entries in passwd file\n/,
  },
  {
    args: ["run", "--rm", "-w", "srv", "busybox", "true"],
    exitCode: 125,
    stderr: /the working directory 'srv' is invalid, it needs to be an absolute path/,
  },
  {
    args: ["run", "--rm", "--name", "bad name", "busybox", "true"],
    exitCode: 125,
    stderr: /Invalid container name \(bad name\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_.-\] are allowed/,
  },
  {
    args: ["run", "--rm", "--cap-add", "NOPE", "busybox", "true"],
    exitCode: 125,
    stderr: /invalid CapAdd: unknown capability: "CAP_NOPE"/,
  },
  { args: ["run", "--rm", "-m", "1m", "busybox", "true"], exitCode: 125, stderr: /Minimum memory limit allowed is 6MB/ },
  {
    args: ["create", "--restart", "bogus", "busybox", "true"],
    exitCode: 1,
    stderr: /invalid restart policy: unknown policy 'bogus'/,
  },
  {
    args: ["run", "--rm", "--log-driver", "bogus", "busybox", "true"],
    exitCode: 125,
    stderr: /error looking up logging plugin bogus: plugin "bogus" not found/,
  },
  {
    args: ["run", "--rm", "-v", "named:data", "busybox", "true"],
    exitCode: 125,
    stderr: /invalid volume specification: 'named:data': invalid mount config for type "volume"/,
  },
  {
    args: ["run", "--rm", "--mount", "type=bind,src=/nonexistent/dir,dst=/b", "busybox", "true"],
    exitCode: 125,
    stderr: /bind source path does not exist: \/nonexistent\/dir/,
  },
  {
    args: ["run", "--rm", "--device", "/dev/nosuch", "busybox", "true"],
    exitCode: 127,
    stderr: /error gathering device information while adding custom device "\/dev\/nosuch": no such file or directory/,
  },
  { args: ["stop", "nosuch"], exitCode: 1, stderr: "Error response from daemon: No such container: nosuch\n" },
  { args: ["kill", "nosuch"], exitCode: 1, stderr: /cannot kill container: nosuch: No such container: nosuch/ },
];
