import assert from "node:assert/strict";
import { test } from "node:test";
import { compileTemplate } from "./execute.ts";

const value = {
  Name: "/web",
  N: 3,
  None: null,
  Labels: null,
  List: ["a", "b", "c"],
  Empty: [],
  State: { Running: true, ExitCode: 0, Status: "running" },
  Networks: { back: { IPAddress: "10.0.0.2" }, front: { IPAddress: "10.0.0.3" } },
  Ports: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }], "81/tcp": null },
  Volumes: { "/data": {} },
  Image: "<a&b>",
  Config: {},
  Label: (key: unknown) => `label ${String(key)}`,
};

for (const [template, want] of [
  ["plain", "plain"],
  ["{{.Name}}", "/web"],
  ["{{ .State.Status }}/{{.N}}", "running/3"],
  ["{{.State}}", "map[ExitCode:0 Running:true Status:running]"],
  ["{{.Volumes.nope}}", "<no value>"],
  ['{{index .Ports "9/tcp"}}', "[]"],
  ["{{.List}}", "[a b c]"],
  ["{{.Volumes}}", "map[/data:{}]"],
  ["{{.None}} {{.Labels}}", "[] map[]"],
  ["{{json .List}}", '["a","b","c"]'],
  ["{{.State | json}}", '{"Running":true,"ExitCode":0,"Status":"running"}'],
  ["{{json .Image}}", '"\\u003ca\\u0026b\\u003e"'],
  ["{{range .List}}{{.}},{{end}}", "a,b,c,"],
  ["{{range $i, $e := .List}}{{$i}}={{$e}} {{end}}", "0=a 1=b 2=c "],
  ["{{range .Empty}}x{{else}}none{{end}}", "none"],
  ["{{range $k, $v := .Networks}}{{$k}} {{$v.IPAddress}};{{end}}", "back 10.0.0.2;front 10.0.0.3;"],
  ["{{range .Networks}}{{.IPAddress}}{{end}}", "10.0.0.210.0.0.3"],
  ['{{range .List}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', "ac"],
  ['{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"],
  ['{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"],
  [
    "{{range $p, $conf := .Ports}} {{$p}} -> {{if $conf}}{{(index $conf 0).HostPort}}{{else}}-{{end}}{{end}}",
    " 80/tcp -> 8080 81/tcp -> -",
  ],
  ["{{if .State.Running}}up{{else}}down{{end}}", "up"],
  ["{{if not .State.Running}}down{{else if eq .N 3}}three{{else}}other{{end}}", "three"],
  ["{{with .State}}{{.Status}} {{$.Name}}{{end}}", "running /web"],
  ["{{with .Empty}}x{{else}}y{{end}}", "y"],
  ["{{$x := .N}}{{if true}}{{$x = 4}}{{end}}{{$x}}", "4"],
  ["{{len .List}} {{len .Name}} {{len .Ports}}", "3 4 2"],
  ['{{join .List "-"}}', "a-b-c"],
  ["{{index .List 1}}", "b"],
  ['{{.Label "x"}}', "label x"],
  ['{{"x" | .Label}}', "label x"],
  ['{{printf "%-6s|%5d|%05.1f|%q|%v|%t" .Name .N 2.25 "a" .List true}}', '/web  |    3|002.3|"a"|[a b c]|true'],
  ["{{println .Name .N}}", "/web 3\n"],
  ["{{print .Name .N 4}}", "/web3 4"],
  ['{{upper "ab"}} {{lower "AB"}} {{title "hello big world"}}', "AB ab Hello Big World"],
  ['{{range split "a,b" ","}}[{{.}}]{{end}}', "[a][b]"],
  ['{{pad "x" 1 2}}|{{truncate "abcdef" 3}}', " x  |abc"],
  ['{{slice "abcdef" 1 3}}', "bc"],
  ['{{and .Empty "x"}}{{or .Empty "x"}}{{or .N "x"}}', "[]x3"],
  ['{{/* nothing */}}a {{- " b" -}} c', "a bc"],
  ['{{"a\\tb"}}{{`raw\\t`}}', "a\tbraw\\t"],
  ["{{ne .N 4}} {{lt .N 4}} {{ge .N 4}} {{eq .N 1 3}}", "true true false true"],
  ["{{html .Image}}", "&lt;a&amp;b&gt;"],
] as const)
  test(`compileTemplate() runs ${template}`, () => {
    assert.equal(compileTemplate(template)(value), want);
  });

for (const [template, message] of [
  ["{{.Nope}}", 'template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"'],
  ["{{.State.Nope}}", 'template: :1:8: executing "" at <.State.Nope>: map has no entry for key "Nope"'],
  ["{{.Config.Nope}}", 'template: :1:9: executing "" at <.Config.Nope>: map has no entry for key "Nope"'],
  ["{{.List.Nope}}", 'template: :1:7: executing "" at <.List.Nope>: can\'t evaluate field Nope in type interface {}'],
  ["{{index .List 9}}", 'template: :1:2: executing "" at <index .List 9>: error calling index: index out of range: 9'],
  ["{{.Name", "template: :1: unclosed action"],
  ["{{nope .Name}}", 'template: :1: function "nope" not defined'],
  ["{{if .Name}}x", "template: :1: unexpected EOF"],
  ["{{end}}", "template: :1: unexpected {{end}}"],
  ["{{}}", "template: :1: missing value for command"],
  ["{{$x}}", 'template: :1: undefined variable "$x"'],
] as const)
  test(`compileTemplate() refuses ${template}`, () => {
    assert.throws(() => compileTemplate(template)(value), { message });
  });

test("compileTemplate() names the type of a row that lacks a field", () => {
  const template = compileTemplate("{{.Nope}}", { type: "*formatter.imageContext" });
  const message = 'template: :1:2: executing "" at <.Nope>: can\'t evaluate field Nope in type *formatter.imageContext';
  assert.throws(() => template(value), { message });
});
