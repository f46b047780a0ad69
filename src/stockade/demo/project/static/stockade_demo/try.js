// Tries what the document says. Who calls is a variable of this page: no storage, no address, gone with a reload.
// Text only ever becomes text nodes.
const $ = (id) => document.getElementById(id);
const NOBODY = { scheme: "nobody", headers: {}, cookies: false };
const SAFE = ["GET", "HEAD", "OPTIONS"];
// These set and read cookies, whoever calls.
const OF_COOKIES = ["/api/session/", "/api/token/browser/"];
let caller = NOBODY;

function become(next) {
  caller = next;
  $("caller").textContent = next.who ? `${next.who}, by ${next.scheme}` : next.scheme;
  $("caller").classList.toggle("on", next !== NOBODY);
  $("forget").hidden = next === NOBODY;
}

async function ask(method, path, { headers = {}, body, cookies = false } = {}) {
  const asked = { method, headers: { Accept: "application/json", ...headers }, cache: "no-store", redirect: "manual" };
  asked.credentials = cookies ? "same-origin" : "omit";
  if (body !== undefined) {
    asked.body = body;
    asked.headers["Content-Type"] = "application/json";
  }
  try {
    const answer = await fetch(path, asked);
    return { status: answer.status, headers: [...answer.headers], text: await answer.text() };
  } catch (error) { // a header or an address that no browser sends
    return { status: 0, headers: [], text: error.message };
  }
}

const parsed = (text) => { try { return JSON.parse(text); } catch { return {}; } };

// -- who calls ---------------------------------------------------------------------------------------------------------

for (const place of document.querySelectorAll(".scheme")) {
  const { scheme, header, prefix, login, field } = place.dataset;
  const fault = place.querySelector(".fault");
  const show = (value) => ({ scheme, headers: { [header]: prefix + value }, cookies: false });
  const byCookie = (csrf) => ({ scheme, headers: {}, cookies: true, csrf });

  async function settle(next) {
    const who = await ask("GET", "/api/profile/", next);
    if (who.status !== 200) {
      fault.textContent = `${who.status || ""} ${parsed(who.text).detail ?? who.text}`;
      return become(NOBODY);
    }
    become({ ...next, who: parsed(who.text).username ?? parsed(who.text).service });
  }

  const forms = {
    async "login-form"(form) {
      const body = JSON.stringify(Object.fromEntries(new FormData(form)));
      form.reset();
      const answer = await ask("POST", login, { body, cookies: !header });
      const value = parsed(answer.text)[field];
      if (answer.status !== 200) fault.textContent = `${answer.status || ""} ${parsed(answer.text).detail ?? answer.text}`;
      else await settle(header ? show(value) : byCookie(value));
    },
    async "paste-form"(form) {
      const value = form.elements.value.value.trim();
      form.reset();
      await settle(show(value));
    },
    async "cookie-form"() {
      const answer = await ask("GET", "/api/session/csrf/", { cookies: true });
      await settle(byCookie(parsed(answer.text).csrf_token));
    },
  };
  for (const [name, send] of Object.entries(forms)) {
    const form = place.querySelector(`.${name}`);
    if (!form) continue;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      fault.textContent = "";
      send(form);
    });
  }
}
$("forget").addEventListener("click", () => become(NOBODY));

// -- one call ----------------------------------------------------------------------------------------------------------

for (const form of document.querySelectorAll(".try")) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.submitter.disabled = true;
    draw(form.querySelector(".answer"), await call(form));
    event.submitter.disabled = false;
  });
}

function call(form) {
  const { method } = form.dataset;
  let { path } = form.dataset;
  const query = new URLSearchParams();
  const headers = { ...caller.headers };
  for (const input of form.querySelectorAll("[data-in]")) {
    const { name, value } = input;
    if (input.dataset.in === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value && input.dataset.in === "query") query.append(name, value);
    else if (value && input.dataset.in === "header") headers[name] = value;
  }
  if (caller.csrf && !SAFE.includes(method)) headers["X-CSRFToken"] = caller.csrf;
  const cookies = caller.cookies || OF_COOKIES.some((start) => path.startsWith(start));
  const body = form.elements.body?.value;
  return ask(method, query.size ? `${path}?${query}` : path, { headers, body, cookies });
}

function draw(place, { status, headers, text }) {
  place.querySelector(".status").textContent = status ? `${status}` : "not sent";
  place.querySelector(".status").className = `status ${status >= 200 && status < 400 ? "fine" : "refused"}`;
  place.querySelector(".headers").textContent = headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  const json = parsed(text);
  place.querySelector(".body").textContent = Object.keys(json).length ? JSON.stringify(json, null, 2) : text;
  place.hidden = false;
}

become(NOBODY);
addEventListener("pagehide", () => {
  become(NOBODY);
  for (const answer of document.querySelectorAll(".answer")) {
    answer.hidden = true;
    for (const part of answer.children) part.textContent = "";
  }
});
