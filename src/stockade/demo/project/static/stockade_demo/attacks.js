// The attacks of the page: plain fetch calls, the same against both servers. Each returns what it measured.

/** One server. `passwords` are those of the seeded users: an attacker here has an account of her own, as most have. */
export class Target {
  constructor(name, base, passwords) { Object.assign(this, { name, base, passwords }); }

  async call(method, path, { token, body } = {}) {
    const headers = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await fetch(this.base + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store", credentials: "omit",
    });
    const text = await answer.text();
    let data = {};
    try { data = JSON.parse(text); } catch { /* no JSON */ }
    return { status: answer.status, data, text, retry: answer.headers.get("Retry-After") };
  }

  async login(user) {
    const answer = await this.call("POST", "/api/token/", { body: { username: user, password: this.passwords[user] } });
    if (answer.status !== 200) {
      throw new Error(`${user} could not log in: ${answer.status}${answer.retry ? `, again in ${answer.retry} s` : ""}`);
    }
    return answer.data;
  }

  profile(token) { return this.call("GET", "/api/profile/", { token }); }
}

const shot = (status, hit) => ({ status, hit });
const count = (list, test) => list.filter(test).length;

// -- a stolen refresh token -------------------------------------------------------------------------------------------

async function stolen(target) {
  const { refresh } = await target.login("alice");
  const answers = await Promise.all(Array.from({ length: 8 }, () => target.call("POST", "/api/token/refresh/", { body: { refresh } })));
  const pairs = new Map(answers.filter((a) => a.status === 200).map((a) => [a.data.refresh, a.data.access]));
  let sessions = 0;
  for (const access of pairs.values()) if ((await target.profile(access)).status === 200) sessions += 1;
  // The thief goes on; then Alice comes back with the token that she still believes to be hers.
  let inside = false;
  const [first] = pairs.keys();
  const next = await target.call("POST", "/api/token/refresh/", { body: { refresh: first } });
  if (next.status === 200) {
    await target.call("POST", "/api/token/refresh/", { body: { refresh } });
    inside = (await target.call("POST", "/api/token/refresh/", { body: { refresh: next.data.refresh } })).status === 200;
  }
  const seen = new Set();
  const shots = answers.map((a) => {
    const more = a.status === 200 && !seen.has(a.data.refresh) && seen.size > 0;
    if (a.status === 200) seen.add(a.data.refresh);
    return shot(a.status, more);
  });
  return {
    stopped: sessions <= 1 && !inside && pairs.size > 0,
    verdict: sessions > 1 ? `${sessions} sessions from one token` : inside ? "the thief stays in" : "the thief is thrown out",
    shots,
    detail: `${pairs.size} different successor${pairs.size === 1 ? "" : "s"} for eight requests. `
      + (inside ? "When Alice came back, she was refused and the thief went on." : "When Alice came back, the theft was seen and the session ended."),
  };
}

// -- a login, hammered --------------------------------------------------------------------------------------------------

const GUESSES = 30;

async function hammer(target) {
  const guess = () => target.call("POST", "/api/token/", {
    body: { username: "carol", password: `guess-${crypto.getRandomValues(new Uint32Array(2)).join("")}` },
  });
  const answers = await Promise.all(Array.from({ length: GUESSES }, guess));
  const tried = count(answers, (a) => a.status !== 429);
  const wait = answers.find((a) => a.retry)?.retry;
  return {
    stopped: tried <= 5,
    verdict: `${tried} of ${GUESSES} guesses were tried`,
    shots: answers.map((a) => shot(a.status, a.status !== 429 && tried > 5)),
    detail: `${tried} × 401, ${GUESSES - tried} × 429. `
      + (wait ? `Strangers may try this account again in ${wait} s.` : "Nothing stands before the next guess."),
  };
}

// -- somebody else's draft ----------------------------------------------------------------------------------------------

async function draft(target) {
  const bob = await target.login("bob");
  const mine = await target.call("GET", "/api/articles/?author=bob&published=false", { token: bob.access });
  const [{ id, title }] = mine.data.results;
  const alice = (await target.login("alice")).access;
  const byId = await target.call("GET", `/api/articles/${id}/`, { token: alice });
  const nothing = await target.call("GET", `/api/articles/${randomId()}/`, { token: alice });
  const listed = await target.call("GET", "/api/articles/?author=bob&published=false", { token: alice });
  const searched = await target.call("GET", `/api/articles/?search=${encodeURIComponent(title)}`, { token: alice });
  const leaked = listed.data.results?.map((article) => article.title) ?? [];
  const told = byId.status !== nothing.status;
  return {
    stopped: byId.status !== 200 && !told && !leaked.length && !searched.data.count,
    verdict: leaked.length ? `${leaked.length} drafts read from the list` : told ? "the draft is known to exist" : "no draft, no trace of one",
    shots: [shot(byId.status, byId.status === 200 || told), shot(nothing.status, false), shot(listed.status, leaked.length > 0), shot(searched.status, searched.data.count > 0)],
    detail: `By id ${byId.status}, an id of nothing ${nothing.status}; the list counts ${listed.data.count ?? "?"} of Bob's drafts${leaked.length ? `: “${leaked.join("”, “")}”` : ""}.`,
  };
}

// Not crypto.randomUUID: browsers offer that on secure origins only.
function randomId() {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-a$4-$5");
}

// -- forged tokens ------------------------------------------------------------------------------------------------------

const b64 = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const part = (value) => b64(new TextEncoder().encode(JSON.stringify(value)));
const unpart = (text) => JSON.parse(atob(text.replaceAll("-", "+").replaceAll("_", "/")));

async function mac(header, claims, key) {
  const text = `${part(header)}.${part(claims)}`;
  const secret = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return `${text}.${b64(new Uint8Array(await crypto.subtle.sign("HMAC", secret, new TextEncoder().encode(text))))}`;
}

async function forge(target) {
  const pair = await target.login("alice");
  const [head, body, signature] = pair.access.split(".");
  const header = unpart(head);
  const claims = unpart(body);
  const admin = { ...claims, ...(claims.user_id && { user_id: "4" }), ...(claims.sub && { sub: "4" }), scope: "admin" };
  const forged = [
    ["no signature, alg none", `${part({ ...header, alg: "none" })}.${part(admin)}.`],
    ["no signature, alg NoNe", `${part({ ...header, alg: "NoNe" })}.${part(admin)}.`],
    ["other claims, same signature", `${head}.${part(admin)}.${signature}`],
    ["signature cut off", `${head}.${body}.`],
    ["refresh token as access token", pair.refresh],
    ["kid that is a path", `${part({ ...header, kid: "../../../dev/null" })}.${part(admin)}.${signature}`],
    ["key brought along (jwk)", `${part({ ...header, jwk: { kty: "oct", k: "AA" } })}.${part(admin)}.${signature}`],
  ];
  if (crypto.subtle) {
    const keys = (await target.call("GET", "/.well-known/jwks.json")).data.keys ?? [{ none: "published" }];
    for (const key of keys) forged.push(["HMAC with the public key", await mac({ ...header, alg: "HS256" }, admin, new TextEncoder().encode(JSON.stringify(key)))]);
    forged.push(["HMAC with “secret”", await mac({ ...header, alg: "HS256" }, admin, new TextEncoder().encode("secret"))]);
  }
  const answers = [];
  for (const [, token] of forged) answers.push(await target.profile(token));
  const admitted = forged.filter((_, index) => answers[index].status === 200).map(([name]) => name);
  return {
    stopped: !admitted.length && answers.every((a) => a.status < 500),
    verdict: admitted.length ? `${admitted.length} of ${forged.length} admitted` : `none of ${forged.length} admitted`,
    shots: answers.map((a) => shot(a.status, a.status === 200 || a.status >= 500)),
    detail: admitted.length ? admitted.join(", ") : `Tried: ${forged.slice(0, 4).map(([name]) => name).join("; ")}; and more.`,
  };
}

// -- after logout -------------------------------------------------------------------------------------------------------

async function logout(target) {
  const pair = await target.login("bob");
  const before = await target.profile(pair.access);
  await target.call("POST", "/api/token/revoke/", { body: { refresh: pair.refresh }, token: pair.access });
  const answers = [];
  for (let i = 0; i < 8; i += 1) answers.push(await target.profile(pair.access));
  const admitted = count(answers, (a) => a.status === 200);
  return {
    stopped: before.status === 200 && admitted === 0,
    verdict: admitted ? `${admitted} of 8 calls admitted` : "not one call admitted",
    shots: answers.map((a) => shot(a.status, a.status === 200)),
    detail: admitted ? "The token works until it expires by itself." : "The session ended, and every worker knew at once.",
  };
}

export const ATTACKS = [
  { id: "stolen", title: "Steal a refresh token", text: "Use Alice's refresh token eight times at once, go on with what comes back, then let Alice return.", run: stolen },
  { id: "hammer", title: "Hammer a login", text: `Guess Carol's password ${GUESSES} times, as fast as the browser can.`, run: hammer },
  { id: "draft", title: "Read Bob's draft", text: "As Alice: by its id, in the list, by filter and by search. Does anything tell that it exists?", run: draft },
  { id: "forge", title: "Forge a token", text: "Become admin with tokens that nobody signed: no algorithm, borrowed signatures, the public key as a secret.", run: forge },
  { id: "logout", title: "Stay after logout", text: "Log out as Bob, then call on with the access token that was good a moment ago.", run: logout },
];
