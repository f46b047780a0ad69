// What is mine: sessions of every scheme, API keys and tokens, to make, rotate and end. A secret is shown once, as text:
// it is in no storage, no address and no attribute, and is gone with the next step.
import * as session from "./session.js";

const $ = (id) => document.getElementById(id);
const KINDS = {
  sessions: { path: "/api/sessions/", draw: drawSession },
  keys: { path: "/api/keys/", draw: drawKey },
  tokens: { path: "/api/tokens/", draw: drawToken },
};
const drawn = {}; // by kind, what the list shows now
let changed = async () => {};

/** Have `then` called when something was made or ended. */
export function onChange(then) { changed = then; }

/** Nobody is here, or somebody else: nothing of the last one stays. */
export function clear() {
  $("mine").hidden = true;
  hideSecret();
  $("mine-fault").textContent = "";
  for (const kind of Object.keys(KINDS)) {
    delete drawn[kind];
    $(`mine-${kind}`).replaceChildren();
  }
  for (const form of document.querySelectorAll("#mine form")) form.reset();
}

/** Draw the lists of whoever is logged in. `sessions` is an answer that is there already. */
export async function show(sessions) {
  const who = session.claims()?.sub;
  const [keys, tokens] = await Promise.all([KINDS.keys, KINDS.tokens].map(({ path }) => session.call("GET", path)));
  if (!who || session.claims()?.sub !== who) return; // somebody else by now
  for (const [kind, answer] of Object.entries({ sessions, keys, tokens })) {
    if (answer.status === 200) draw(kind, answer.data);
    $(`part-${kind}`).hidden = answer.status === 404; // the scheme is off
  }
  $("mine").hidden = false;
}

function draw(kind, list) {
  const now = JSON.stringify(list);
  if (drawn[kind] === now) return; // whoever is at a button stays there
  drawn[kind] = now;
  const nodes = list.map(KINDS[kind].draw);
  $(`mine-${kind}`).replaceChildren(...(nodes.length ? nodes : [element("li", "none", "empty")]));
}

// -- one line each -----------------------------------------------------------------------------------------------------

function element(name, text, className) {
  const node = document.createElement(name);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

const when = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
const used = (text) => (text ? `last used ${when(text)}` : "not used yet");
const ends = (text) => (text ? `ends ${when(text)}` : "does not end");
const may = (scopes) => (scopes === null ? "may do what you may" : `may do: ${scopes.join(" ") || "nothing"}`);

function line(one, title, pills, details, actions) {
  const item = element("li", "", "thing");
  item.dataset.id = one.id;
  const what = element("div", "", "about");
  const head = element("div", "", "name");
  head.append(element("strong", title), ...pills.filter(Boolean).map((text) => element("span", text, "pill")));
  if (one.current) head.append(element("span", "this one", "pill on"));
  what.append(head, element("div", details.filter(Boolean).join(" · "), "detail"));
  const row = element("div", "", "row");
  for (const [label, act] of actions) {
    const button = element("button", label, "quiet");
    button.type = "button";
    button.setAttribute("aria-label", `${label}: ${title}`);
    button.addEventListener("click", () => step(button, act));
    row.append(button);
  }
  item.append(what, row);
  return item;
}

function drawSession(one) {
  const details = [one.address, `since ${when(one.created_at)}`, used(one.last_used_at), ends(one.expires_at)];
  return line(one, one.user_agent || "a client without a name", [one.scheme], details, [["End", () => end("sessions", one)]]);
}

function drawKey(one) {
  const from = one.allow.length ? `from ${one.allow.join(", ")}` : "";
  const details = [`${one.visible}…`, may(one.scopes), from, one.rate, used(one.last_used_at), ends(one.expires_at)];
  return line(one, one.name, [], details, [["Rotate", () => rotate(one)], ["End", () => end("keys", one)]]);
}

function drawToken(one) {
  const details = [`${one.visible}…`, may(one.scopes), used(one.last_used_at), ends(one.expires_at)];
  return line(one, one.name, [one.origin], details, [["End", () => end("tokens", one)]]);
}

// -- what buttons do ---------------------------------------------------------------------------------------------------

async function step(button, act) {
  button.disabled = true;
  hideSecret();
  $("mine-fault").textContent = "";
  const { status, data } = await act();
  button.disabled = false;
  if (status >= 400 || status === 0) $("mine-fault").textContent = fault(status, data);
  await changed();
}

function fault(status, data) {
  const fields = Object.entries(data.errors ?? {}).map(([name, texts]) => `${name}: ${[texts].flat().join(" ")}`);
  return [status || "", data.detail ?? "", ...fields].filter(Boolean).join(" ");
}

function end(kind, one) {
  return session.call("DELETE", `${KINDS[kind].path}${encodeURIComponent(one.id)}/`);
}

async function rotate(one) {
  const answer = await session.call("POST", `${KINDS.keys.path}${encodeURIComponent(one.id)}/rotate/`, {});
  if (answer.status === 201) showSecret(`The key that takes the place of ${one.name}, which goes on for a while:`, answer.data.key);
  return answer;
}

async function make(kind, field, form) {
  const { name, scopes, days } = Object.fromEntries(new FormData(form));
  const body = { name, expires_in: Number(days) * 86400 };
  if (scopes.trim()) body.scopes = scopes.trim().split(/\s+/);
  const answer = await session.call("POST", KINDS[kind].path, body);
  if (answer.status === 201) {
    showSecret(`${field === "key" ? "The key" : "The token"} ${name}:`, answer.data[field]);
    form.reset();
  }
  return answer;
}

for (const [kind, field] of [["keys", "key"], ["tokens", "token"]]) {
  $(`make-${field}`).addEventListener("submit", (event) => {
    event.preventDefault();
    step(event.submitter, () => make(kind, field, event.target));
  });
}
$("end-others").addEventListener("click", () => step($("end-others"), () => session.call("DELETE", KINDS.sessions.path)));

// -- a secret, once ----------------------------------------------------------------------------------------------------

function showSecret(what, value) {
  $("secret-what").textContent = what;
  $("secret-value").textContent = value;
  $("secret").hidden = false;
  $("secret-done").focus();
}

function hideSecret() {
  $("secret").hidden = true;
  $("secret-value").textContent = "";
  $("secret-what").textContent = "";
}

$("secret-done").addEventListener("click", hideSecret);
$("secret-copy").addEventListener("click", () => navigator.clipboard?.writeText($("secret-value").textContent));
// A page that the browser keeps for "back" keeps no secret.
addEventListener("pagehide", hideSecret);
