// Opens the shipped documents in the language server that editors read YAML with: none has a
// diagnostic, planted mistakes are shown at their lines, and values are offered.
//   node tests/editor/check.mjs <folder with node_modules>

import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const modules = resolve(process.argv[2] ?? ".");
const policies = join(root, "policies");
const SETTLE = 20_000; // milliseconds; an answer takes a tenth of a second

const server = spawn(
  process.execPath,
  [join(modules, "node_modules/yaml-language-server/bin/yaml-language-server"), "--stdio"],
  { stdio: ["pipe", "pipe", "inherit"] },
);
const answers = new Map(); // by request's id
const diagnostics = new Map(); // by document's address
let requests = 0;

function send(message) {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no answer: ${what}`)), SETTLE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function ask(method, params) {
  const id = ++requests;
  send({ id, method, params });
  return within(new Promise((done) => answers.set(id, done)), method);
}

function received(message) {
  if (message.method === "workspace/configuration") {
    const yaml = { validate: true, completion: true, hover: true, schemaStore: { enable: false } };
    const result = message.params.items.map((i) => (i.section === "yaml" ? yaml : null));
    send({ id: message.id, result });
  } else if (message.method === "textDocument/publishDiagnostics") {
    diagnostics.get(message.params.uri)?.(message.params.diagnostics);
  } else if (message.method && message.id !== undefined) {
    send({ id: message.id, result: null });
  } else if (message.id !== undefined) {
    answers.get(message.id)?.(message.result);
  }
}

let buffer = Buffer.alloc(0);
server.stdout.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  for (;;) {
    const head = buffer.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, head))[1]);
    if (buffer.length < head + 4 + length) return;
    const body = buffer.subarray(head + 4, head + 4 + length).toString();
    buffer = buffer.subarray(head + 4 + length);
    received(JSON.parse(body));
  }
});

const address = (file) => pathToFileURL(join(policies, file)).href;

async function open(file, text) {
  const uri = address(file);
  const found = within(new Promise((done) => diagnostics.set(uri, done)), `diagnostics of ${file}`);
  const textDocument = { uri, languageId: "yaml", version: 1, text };
  send({ method: "textDocument/didOpen", params: { textDocument } });
  return found;
}

const failures = [];
const lineOf = (text, part) => text.slice(0, text.indexOf(part)).split("\n").length - 1;
const shown = (found) => found.map((d) => `${d.range.start.line + 1}: ${d.message}`).join("; ");

await ask("initialize", {
  processId: process.pid,
  rootUri: pathToFileURL(root).href,
  capabilities: {
    workspace: { configuration: true },
    textDocument: { completion: { completionItem: { snippetSupport: false } }, hover: {} },
  },
});
send({ method: "initialized", params: {} });

const files = readdirSync(policies, { recursive: true }).filter((f) => f.endsWith(".yaml"));
for (const file of files) {
  const text = readFileSync(join(policies, file), "utf8");
  if (!text.startsWith("# yaml-language-server: $schema=")) {
    failures.push(`${file}: its first line names no schema`);
  }
  const found = await open(file, text);
  if (found.length) failures.push(`${file}: ${shown(found)}`);
}

const POLICY = "ec2/ec2-security-group-open-admin-ports.yaml";
const EXEMPTIONS = `# yaml-language-server: $schema=schema/exemptions-v1.json
- id: one
  covers: { policy: some-policy }
  reason: because
  by: jane@example.com
  until: 2026-01-31T18:00:00Z
`;
const SETTINGS = `# yaml-language-server: $schema=schema/settings-v1.json
deployment: approve
accounts:
  "111122223333": approve
notices:
  - channels: [sns]
`;
const policy = readFileSync(join(policies, POLICY), "utf8");
// A document, what is replaced in it by what, and the line that the diagnostic must name
// (of the replacement, if nothing is said).
const planted = [
  ["an unknown field", policy, "severity: critical", "sevrity: critical"],
  ["a wrong severity", policy, "severity: critical", "severity: hihg"],
  ["a wrong type", policy, "title: A security", "title: [A security]\n# "],
  ["a missing field", policy, "remedy: restore\n", "", "schema: policy/v1"],
  ["a wrong port", policy, "ports: [22, 23", "ports: [70000, 23"],
  ["an unknown kind", policy, "kind: ec2/security-group", "kind: ec2/security-groups"],
  ["an unknown event", policy, "  ec2.amazonaws.com: [Auth", "  ec2.amazonaws.com: [Auht"],
  ["an unknown facet", policy, "before: { ingress:", "before: { ingres:"],
  ["an unknown member", policy, "protocol: tcp, from: 443", "protocol: tcp, form: 443"],
  ["an account of eleven digits", SETTINGS, '"111122223333"', '"11112222333"'],
  ["an unknown channel", SETTINGS, "[sns]", "[mail]"],
  ["an unknown mode", SETTINGS, "deployment: approve", "deployment: approved"],
  ["a wrong time", EXEMPTIONS, "2026-01-31T18:00:00Z", "next week"],
  ["an exemption without an end", EXEMPTIONS, "  until: 2026-01-31T18:00:00Z\n", "", "- id: one"],
  ["an exemption from everything", EXEMPTIONS, "{ policy: some-policy }", "{}"],
];
for (const [index, [what, text, from, to, at]] of planted.entries()) {
  if (!text.includes(from)) failures.push(`${what}: there is no "${from}"`);
  const spoilt = text.replace(from, () => to);
  const folder = text === policy ? "ec2/" : "";
  const found = await open(`${folder}planted-${index}.yaml`, spoilt);
  const line = at ? lineOf(spoilt, at) : lineOf(spoilt, to);
  if (found.some((d) => d.message.includes("pattern"))) {
    failures.push(`${what}: a pattern is no help: ${shown(found)}`);
  }
  if (!found.some((d) => d.range.start.line === line)) {
    failures.push(`${what}: expected at line ${line + 1}, shown ${shown(found) || "nothing"}`);
  }
}

async function offered(file, text, after) {
  await open(file, text);
  const line = lineOf(text, after);
  const position = { line, character: text.split("\n")[line].indexOf(after) + after.length };
  const list = await ask("textDocument/completion", { textDocument: { uri: address(file) }, position });
  return (list?.items ?? list ?? []).map((i) => i.label);
}

for (const [what, from, to, after, wanted] of [
  ["severities", "severity: critical", "severity: ", "severity: ", ["low", "medium", "high", "critical"]],
  ["kinds", "kind: ec2/security-group", "kind: ", "kind: ", ["ec2/security-group"]],
  ["fields", "remedy: restore", "r", "\nr", ["remedy"]],
  ["events", "change: AuthorizeSecurityGroupIngress", "change: ", "change: ", ["ModifySecurityGroupRules"]],
]) {
  const text = policy.replace(from, () => to);
  const labels = await offered(`ec2/offered-${what}.yaml`, text, after);
  const missing = wanted.filter((w) => !labels.includes(w));
  if (missing.length) failures.push(`${what}: ${missing} not offered, but ${labels.slice(0, 20)}`);
}

await open("ec2/hover.yaml", policy);
const position = { line: lineOf(policy, "remedy: restore"), character: 2 };
const hover = await ask("textDocument/hover", { textDocument: { uri: address("ec2/hover.yaml") }, position });
if (!JSON.stringify(hover ?? "").includes("before")) failures.push("nothing is said of `remedy`");

server.kill();
for (const failure of failures) console.error(failure);
console.log(`${files.length} documents, ${planted.length} planted mistakes, ${failures.length} failures`);
process.exit(failures.length ? 1 : 0);
