// Keeps a login alive as clients of simplejwt do: refreshes ahead of the `exp` that it reads, and after a 401 once more.
// node client.mjs BASE DECODER, a JSON job on standard input: {access, refresh, path, ahead: [seconds, ...]}.

const [base, decoder] = process.argv.slice(2);
const { jwtDecode } = await import(decoder);
const MARGIN = 30; // seconds before `exp` from which on it refreshes

let input = "";
for await (const part of process.stdin) input += part;
const job = JSON.parse(input);
const told = { statuses: [], renewals: 0, heard: [], users: [], lifetimes: [] };
let { access, refresh } = job;

async function renew() {
  const answer = await fetch(`${base}/api/token/refresh/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refresh }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`logged out: ${answer.status} ${body.code}`);
  ({ access, refresh = refresh } = body);
  told.renewals += 1;
}

const get = () => fetch(`${base}${job.path}`, { headers: { Authorization: `Bearer ${access}` } });

for (const ahead of job.ahead) {
  // `ahead`: how much later it is by this client's clock.
  if (jwtDecode(access).exp - MARGIN <= Date.now() / 1000 + ahead) await renew();
  let answer = await get();
  if (answer.status === 401) {
    const body = await answer.json();
    told.heard.push([body.code, body.messages?.[0]?.message]);
    if (body.code === "token_not_valid") {
      await renew();
      answer = await get();
    }
  }
  const claims = jwtDecode(access);
  told.statuses.push(answer.status);
  told.users.push(claims.user_id);
  told.lifetimes.push(claims.exp - claims.iat);
}
console.log(JSON.stringify(told));
