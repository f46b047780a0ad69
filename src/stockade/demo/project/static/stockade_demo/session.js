// Who is logged in here. The access token is a variable of this page and ends with it; the refresh token is a cookie
// that no script can read, and that the browser sends to /api/token/browser/ only.
let access = null;
let pending = null;

const HINT = "stockade-session"; // no secret: says that asking for a session is worth a request

function hint(value) {
  try {
    if (value === undefined) return localStorage.getItem(HINT) !== null;
    if (value) localStorage.setItem(HINT, "1"); else localStorage.removeItem(HINT);
  } catch { /* no storage here: then a reload logs out */ }
  return false;
}

// `{status, data}` of a call; status 0 if the server does not answer.
async function ask(method, path, body, headers) {
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
    return { status: answer.status, data: await answer.json().catch(() => ({})) }; // no body, or none of ours
  } catch {
    return { status: 0, data: { detail: "The server does not answer." } };
  }
}

// A page of another origin cannot send this header without our consent (CORS).
function post(path, body) {
  return ask("POST", `/api/token/browser/${path}`, body, { "X-Stockade-CSRF": "1" });
}

// One tab after the other: an answer that comes late must not put an older cookie in the place of a newer one.
function alone(work) {
  return navigator.locks ? navigator.locks.request("stockade-session", work) : work();
}

export function claims() {
  return access && JSON.parse(atob(access.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
}

/** Log in: `{status, data}`. A session that was here before ends. */
export function login(username, password) {
  return alone(async () => {
    const answer = await post("", { username, password });
    if (answer.status === 200) {
      access = answer.data.access;
      hint(true);
    }
    return answer;
  });
}

/** Whether there is an access token now: the cookie gives one, if somebody is logged in. Several calls are one request. */
export function refresh() {
  pending ??= alone(async () => {
    const { status, data } = await post("refresh/");
    if (status === 200) access = data.access;
    else if (status === 401) { access = null; hint(false); } // anything else may be better in a moment
    return status === 200;
  }).finally(() => { pending = null; });
  return pending;
}

/** After the page was loaded. */
export async function resume() {
  return hint() && refresh();
}

/** Log out. False if the server could not be told: then the session goes on. */
export function logout() {
  return alone(async () => {
    const { status } = await post("revoke/");
    if (status === 204) { access = null; hint(false); }
    return status === 204;
  });
}

/** Call the API as whoever is logged in: `{status, data}`. An access token that has ended is renewed once. */
export async function call(method, path, body) {
  const before = claims(), shown = access;
  let answer = await send(method, path, body);
  // Another call may have renewed the token while this one was under way: then its answer is about the old one.
  // Another tab may have logged in as somebody else meanwhile: what one user began is not done in another's name.
  if (answer.status === 401 && before && (access !== shown || await refresh()) && claims()?.sub === before.sub) {
    answer = await send(method, path, body);
  }
  return answer;
}

function send(method, path, body) {
  return ask(method, path, body, access ? { Authorization: `Bearer ${access}` } : {});
}
