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

function post(path, body) {
  return fetch(`/api/token/browser/${path}`, {
    method: "POST", cache: "no-store", body: body && JSON.stringify(body),
    // A page of another origin cannot send this header without our consent (CORS).
    headers: { "X-Stockade-CSRF": "1", ...(body && { "Content-Type": "application/json" }) },
  });
}

// One tab after the other: an answer that comes late must not put an older cookie in the place of a newer one.
function alone(work) {
  return navigator.locks ? navigator.locks.request("stockade-session", work) : work();
}

async function json(answer) {
  return answer.json().catch(() => ({})); // no body, or none of ours
}

export function claims() {
  return access && JSON.parse(atob(access.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
}

/** Log in: `{status, data}`. A session that was here before ends. */
export function login(username, password) {
  return alone(async () => {
    const answer = await post("", { username, password });
    const data = await json(answer);
    if (answer.ok) {
      access = data.access;
      hint(true);
    }
    return { status: answer.status, data };
  });
}

/** Whether there is an access token now: the cookie gives one, if somebody is logged in. Several calls are one request. */
export function refresh() {
  pending ??= alone(async () => {
    const answer = await post("refresh/");
    if (answer.ok) access = (await json(answer)).access;
    else if (answer.status === 401) { access = null; hint(false); } // anything else may be better in a moment
    return answer.ok;
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
    const answer = await post("revoke/");
    if (answer.ok) { access = null; hint(false); }
    return answer.ok;
  });
}

/** Call the API as whoever is logged in: `{status, data}`. An access token that has ended is renewed once. */
export async function call(method, path, body) {
  const before = claims();
  let answer = await send(method, path, body);
  // Another tab may have logged in as somebody else meanwhile: what one user began is not done in another's name.
  if (answer.status === 401 && before && await refresh() && claims().sub === before.sub) {
    answer = await send(method, path, body);
  }
  return { status: answer.status, data: await json(answer) };
}

function send(method, path, body) {
  return fetch(path, {
    method, cache: "no-store", credentials: "omit", body: body && JSON.stringify(body),
    headers: { ...(access && { Authorization: `Bearer ${access}` }), ...(body && { "Content-Type": "application/json" }) },
  });
}
