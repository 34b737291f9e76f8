import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "./driver-options.ts";

const cases: [string, string, string | undefined][] = [
  ["driver.mtu", "1400", undefined],
  ["driver.mtu", "bogus", 'strconv.Atoi: parsing "bogus": invalid syntax'],
  ["bridge.enable_icc", "False", undefined],
  ["bridge.enable_icc", "no", 'strconv.ParseBool: parsing "no": invalid syntax'],
  ["bridge.enable_ip_masquerade", "", 'strconv.ParseBool: parsing "": invalid syntax'],
  ["bridge.host_binding_ipv4", "127.0.0.1", undefined],
  ["bridge.host_binding_ipv4", "localhost", "nil ip"],
  ["nobody.knows", "x", undefined],
];

for (const [name, value, problem] of cases)
  test(`${name}=${value} is ${problem ?? "right"}`, () => {
    const option = `com.docker.network.${name}`;
    const check = (): void => checkOptions({ [option]: value });
    if (problem === undefined) assert.doesNotThrow(check);
    else assert.throws(check, { kind: "invalid", message: `failed to parse ${option} value: ${value} (${problem})` });
  });
