// The page of the demo: who am I, the attacks, and the security log beside them. Text only ever becomes text nodes.
import { ATTACKS, Target } from "./attacks.js";
import * as mine from "./mine.js";
import * as session from "./session.js";

const $ = (id) => document.getElementById(id);
const page = $("demo");
const state = { key: "", passwords: {}, last: 0, timer: 0, name: "", shown: Promise.resolve() };
const here = new Target("stockade", "", state.passwords);
const targets = [here];
if (page.dataset.twin) targets.push(new Target("twin", page.dataset.twin, state.passwords));

// -- the key of the link ------------------------------------------------------------------------------------------------

async function unlock(key) {
  const answer = await fetch("/demo/accounts/", { headers: { "X-Demo-Key": key }, cache: "no-store" });
  if (!answer.ok) return false;
  Object.assign(state.passwords, (await answer.json()).users);
  state.key = key;
  sessionStorage.setItem("stockade-demo-key", key);
  $("locked").hidden = true;
  for (const button of document.querySelectorAll(".attack button, #all")) button.disabled = false;
  $("log-status").textContent = "live";
  $("log-status").classList.add("on");
  poll();
  return true;
}

async function open() {
  const given = decodeURIComponent(location.hash.slice(1)) || sessionStorage.getItem("stockade-demo-key") || "";
  // The key shall not stay in the address bar, where it would be copied along with the link.
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (page.dataset.open !== "yes") return;
  if (!given || !(await unlock(given))) $("locked").hidden = false;
}

$("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fine = await unlock($("key").value.trim().replace(/^.*#/, ""));
  $("key-fault").textContent = fine ? "" : "This is not the key of this run.";
});

// -- who am I -----------------------------------------------------------------------------------------------------------

async function become(user, password) {
  $("who-fault").textContent = "";
  const answer = await session.login(user, password);
  if (answer.status !== 200) {
    $("who-fault").textContent = `${answer.status} ${answer.data.detail ?? ""}`;
    return;
  }
  $("login").hidden = true;
  await show();
}

/** Draw what there is of whoever is here; one after the other, so that no older answer is drawn over a newer one. */
function show() {
  state.shown = state.shown.then(showOnce, showOnce);
  return state.shown;
}

async function showOnce() {
  const who = session.claims()?.sub;
  const [profile, articles, sessions] = session.claims()
    ? await Promise.all(["/api/profile/", "/api/articles/", "/api/sessions/"].map((path) => session.call("GET", path))) : [];
  if (session.claims() && session.claims().sub !== who) return showOnce(); // another tab has logged in as somebody else
  const name = profile?.status === 200 ? profile.data.username : "";
  $("facts").hidden = $("kept").hidden = $("logout").hidden = !name;
  $("who-status").textContent = name || "nobody";
  $("who-status").classList.toggle("on", Boolean(name));
  for (const person of document.querySelectorAll(".person")) person.setAttribute("aria-pressed", String(person.dataset.user === name));
  clearInterval(state.timer);
  if (name !== state.name) mine.clear();
  state.name = name;
  if (!name) return;
  $("fact-username").textContent = name;
  $("fact-roles").textContent = profile.data.roles.join(", ") || "none";
  $("fact-scheme").textContent = profile.data.scheme;
  $("fact-articles").textContent = `${articles.data.count} of 20 articles`;
  const list = Array.isArray(sessions.data) ? sessions.data : sessions.data.results ?? [];
  $("fact-sessions").textContent = sessions.status === 200 ? `${sessions.data.count ?? list.length} open` : "";
  tick();
  await mine.show(sessions);
}

function tick() {
  const expires = session.claims().exp * 1000;
  const write = () => {
    const left = Math.max(0, Math.round((expires - Date.now()) / 1000));
    // Not renewed by the clock: a page that nobody uses would keep its session from ever being idle.
    $("fact-expires").textContent = left ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "the next call renews it";
  };
  write();
  state.timer = setInterval(write, 1000);
}

for (const person of document.querySelectorAll(".person")) {
  person.addEventListener("click", () => {
    const { user } = person.dataset;
    if (state.passwords[user]) return void become(user, state.passwords[user]);
    $("login").hidden = false;
    $("login-user").textContent = user;
    $("login").dataset.user = user;
    $("password").focus();
  });
}
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  become($("login").dataset.user, $("password").value);
  $("password").value = "";
});
mine.onChange(show);
$("logout").addEventListener("click", async () => {
  const done = await session.logout();
  $("who-fault").textContent = done ? "" : "The server could not be told. You are still logged in: try again.";
  await show();
});

// -- attacks ------------------------------------------------------------------------------------------------------------

function card(attack) {
  const node = $("attack-template").content.firstElementChild.cloneNode(true);
  node.id = `attack-${attack.id}`;
  node.querySelector("h3").textContent = attack.title;
  node.querySelector(".what p").textContent = attack.text;
  node.querySelector("button").addEventListener("click", () => run(attack, node));
  node.querySelector("button").setAttribute("aria-label", `Attack: ${attack.title}`);
  $("attacks").append(node);
  return node;
}

async function run(attack, node) {
  const button = node.querySelector("button");
  button.disabled = true;
  await Promise.all(targets.map(async (target) => {
    const cell = node.querySelector(`[data-side="${target.name}"]`);
    cell.className = "result busy";
    cell.querySelector(".verdict").textContent = "attacking…";
    cell.querySelector(".shots").replaceChildren();
    cell.querySelector(".detail").textContent = "";
    try {
      draw(cell, await attack.run(target));
    } catch (error) {
      cell.className = "result";
      cell.querySelector(".verdict").textContent = "could not be tried";
      cell.querySelector(".detail").textContent = error.message;
    }
  }));
  button.disabled = false;
  if (session.claims()) show();
}

function draw(cell, outcome) {
  cell.className = `result ${outcome.stopped ? "stopped" : "through"}`;
  cell.querySelector(".verdict").textContent = outcome.verdict;
  cell.querySelector(".detail").textContent = outcome.detail;
  const many = outcome.shots.length > 16; // then small squares, and the numbers in words below
  cell.querySelector(".shots").classList.toggle("many", many);
  cell.querySelector(".shots").replaceChildren(...outcome.shots.map(({ status, hit }) => {
    const box = element("span", many ? "" : status, `shot ${hit ? "hit" : "miss"}`);
    if (many) box.title = status;
    return box;
  }));
}

const cards = ATTACKS.map((attack) => [attack, card(attack)]);
$("all").addEventListener("click", async () => {
  $("all").disabled = true;
  for (const [attack, node] of cards) await run(attack, node);
  $("all").disabled = false;
});

// -- the security log ---------------------------------------------------------------------------------------------------

const PAUSE = 1200; // milliseconds between two looks
const KEEP = 300; // lines

async function poll() {
  if (!document.hidden) {
    try {
      const answer = await fetch(`/demo/events/?after=${state.last}`, { headers: { "X-Demo-Key": state.key }, cache: "no-store" });
      if (answer.ok) for (const entry of (await answer.json()).events) write(entry);
      $("log-status").textContent = answer.ok ? "live" : `${answer.status}`;
    } catch {
      $("log-status").textContent = "server away";
    }
  }
  setTimeout(poll, PAUSE);
}

function element(name, text, className) {
  const node = document.createElement(name);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

function write(entry) {
  state.last = Math.max(state.last, entry.id);
  const log = $("log");
  const like = [entry.event, entry.reason, entry.status, entry.who, entry.route].join(" ");
  // By time: refusals are written in batches, a little after what they stand between.
  let after = log.firstElementChild;
  while (after && after.dataset.at > entry.at) after = after.nextElementSibling;
  if (after?.dataset.like === like) { // the same again, as a flood writes it: counted, not repeated
    after.dataset.times = Number(after.dataset.times) + 1;
    after.querySelector(".many").textContent = `×${after.dataset.times}`;
    after.querySelector(".many").hidden = false;
    return;
  }
  const item = document.createElement("li");
  item.className = entry.level.toLowerCase();
  Object.assign(item.dataset, { like, times: 1, at: entry.at });
  const line = element("div", "", "line");
  const sentence = element("span", entry.sentence || entry.event);
  const many = element("span", "", "many");
  many.hidden = true;
  sentence.append(many);
  const time = element("time", new Date(entry.at).toLocaleTimeString([], { hour12: false }));
  time.dateTime = entry.at;
  line.append(sentence, time);
  const tag = [entry.event, entry.reason, entry.status, entry.who, [entry.method, entry.route].filter(Boolean).join(" ")];
  item.append(line, element("div", tag.filter(Boolean).join(" · "), "tag"));
  log.insertBefore(item, after);
  while (log.children.length > KEEP) log.lastElementChild.remove();
}

$("plain").hidden = isSecureContext;
open();
if (await session.resume()) await show();
