import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerSummary, Port } from "../api/types/container.ts";
import { holderOf, takenSentence, wantedPorts } from "./host-ports.ts";
import type { Plan, Step } from "./plan.ts";
import type { Project } from "./project.ts";

const wanted = { service: "a", address: "", port: 80, protocol: "tcp" };

function container(name: string, ports: Port[]): ContainerSummary {
  return { Id: `id-${name}`, Names: [`/${name}`], Ports: ports, Labels: {} } as unknown as ContainerSummary;
}

function plan(...steps: Partial<Step>[]): Plan {
  return { project: "p", steps: steps as Step[], warnings: [] };
}

test("only fixed host ports of what starts are wanted", () => {
  const ports = [
    { target: 1, published: "80", host_ip: "127.0.0.1" },
    { target: 2 },
    { target: 3, published: "90-99" },
    { target: 4, published: "53", protocol: "udp" },
  ];
  const project = { services: { a: { ports }, b: { ports } } } as unknown as Project;
  assert.deepEqual(wantedPorts(project, plan({ kind: "start", service: "a", name: "p-a-1" }, { kind: "keep", service: "b" })), [
    { service: "a", address: "127.0.0.1", port: 80, protocol: "tcp" },
    { service: "a", address: "", port: 53, protocol: "udp" },
  ]);
});

const public80: Port = { IP: "0.0.0.0", PublicPort: 80, PrivatePort: 8080, Type: "tcp" };
const one = container("other", [public80]);
const cases: readonly (readonly [text: string, holder: ContainerSummary, plan: Plan, found: boolean])[] = [
  ["another project's container", one, plan(), true],
  ["another protocol", container("x", [{ ...public80, Type: "udp" }]), plan(), false],
  ["another port", container("x", [{ ...public80, PublicPort: 81 }]), plan(), false],
  ["an unpublished port", container("x", [{ PrivatePort: 80, Type: "tcp" }]), plan(), false],
  ["a container that is removed", one, plan({ kind: "remove", container: one }), false],
  ["a container that stops", one, plan({ kind: "stop", container: one }), false],
  ["a container that is replaced", one, plan({ kind: "create", replaces: one }), false],
  ["the container itself", container("p-a-1", [public80]), plan({ kind: "start", service: "a", name: "p-a-1" }), false],
];
for (const [text, holder, steps, found] of cases)
  test(`${text} ${found ? "has" : "does not have"} the port`, () => {
    assert.equal(holderOf(wanted, [holder], steps), found ? holder : undefined);
  });

test("the sentence names service, address and holder", () => {
  assert.equal(takenSentence(wanted, "container x"), 'service "a": Bind for 0.0.0.0:80 failed: port is already allocated by container x');
  assert.match(takenSentence({ ...wanted, address: "::1" }, "container x"), /Bind for \[::1\]:80 failed/);
});
