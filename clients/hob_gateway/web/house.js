// The house: who is in memory, what could touch a network, whether the walls stand. Draws what it is told.

import { $, make } from "/web/made.js";

const gib = (bytes) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

export function drawHouse(told) {
  $("memory").replaceChildren(...told.memory.map(meter));
  const residents = told.residents.map((one) => make("li", {}, make("strong", { textContent: one.model }), make("br"), ...words(one)));
  const loading = told.loading.map((name) => make("li", {}, `${name}: loading`));
  const none = make("li", { className: "quiet", textContent: "No model; the first question loads one." });
  $("residents").replaceChildren(...(residents.length + loading.length ? [...residents, ...loading] : [none]));
  $("withheld").textContent = told.withheld;
  const walls = [["Daemon", told.confinement.daemon], ["Gateway", told.confinement.gateway]];
  for (const one of told.residents) walls.push([one.model, one.sandbox]);
  $("walls").replaceChildren(...walls.filter(([, what]) => what).flatMap(([who, what]) =>
    [make("dt", { textContent: who }), make("dd", { textContent: what })]));
}

function meter(device) {
  const used = device.budget_bytes - device.free_bytes;
  const words = `${device.device}: ${gib(used)} of ${gib(device.budget_bytes)}`;
  const properties = { min: 0, max: device.budget_bytes, value: used, high: device.budget_bytes * 0.9, textContent: words };
  const made = make("meter", properties);
  made.setAttribute("aria-label", words);
  return make("p", {}, words, make("br"), made);
}

function words(one) {
  if (!("resident_bytes" in one)) return [one.residency];
  const cells = one.total_cells ? `, context ${Math.round((100 * one.used_cells) / one.total_cells)} % full` : "";
  const work = one.num_running ? `${one.num_running} running, ${one.num_queued} waiting` : "idle";
  return [`${one.residency}${one.pinned ? ", pinned" : ""}: ${work}`, make("br"), `${gib(one.resident_bytes)}${cells}`];
}

// ------------------------------------------------------------- wires and walls

export function openView(title) {
  $("view-title").textContent = title;
  $("view-body").replaceChildren(make("p", { className: "quiet", textContent: "Asking …" }));
  if (!$("view").open) $("view").showModal();
}

export function drawFailure(error) {
  $("view-body").replaceChildren(make("p", { className: "error", textContent: error.message }));
}

export function drawWires(told) {
  const verdict = told.offline === null ? "" : told.offline ? "hob is offline: no program of hob's uses a network." : "hob is not offline.";
  const rows = told.wires.map((wire) => [wire.name, wire.state, wire.reaches, wire.evidence]);
  show(verdict, told.withheld, table(["What", "State", "May reach", "Evidence"], rows));
}

export function drawAttest(told) {
  const failed = told.evidence.filter((each) => !each.held).length;
  const count = told.evidence.length;
  const verdict = failed ? `${failed} of ${count} properties did not hold.` : `All ${count} properties held, tried just now.`;
  const rows = told.evidence.map((each) => [each.held ? "held" : "DID NOT HOLD", each.subject, each.property, each.observed]);
  show(verdict, told.withheld, table(["", "Who", "Property", "What was seen"], rows));
}

function show(verdict, withheld, drawn) {
  const notes = [verdict, withheld].filter(Boolean);
  $("view-body").replaceChildren(...notes.map((text) => make("p", { textContent: text })), drawn);
}

function table(heads, rows) {
  const cell = (name) => (text) => make(name, { textContent: text });
  const head = make("thead", {}, make("tr", {}, ...heads.map(cell("th"))));
  const body = make("tbody", {}, ...rows.map((row) => make("tr", { className: row[0] === "DID NOT HOLD" ? "error" : "" }, ...row.map(cell("td")))));
  return make("table", {}, head, body);
}
