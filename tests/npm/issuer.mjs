// A real OpenID Connect issuer (oidc-provider) that rotates its keys when it is told to.
// node issuer.mjs, a JSON job on standard input: {audience, redirect, clients: [...]}. Prints {"url": ...}, then serves
// until its standard input ends. POST /control/rotate: another key signs; with {"forget": true} the old ones are gone.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const lines = createInterface({ input: process.stdin });
const job = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);
lines.on("close", () => process.exit(0));

const makeKey = () => ({
  ...generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }),
  kid: randomUUID(),
  use: "sig",
  alg: "RS256",
});

let keys = [makeKey()];
let answer;
const cookieKeys = [randomUUID()];

function build(url) {
  const provider = new Provider(url, {
    clients: job.clients,
    jwks: { keys },
    cookies: { keys: cookieKeys },
    scopes: ["openid", "email", "articles:read", "articles:write"],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    ttl: { AccessToken: 300, ClientCredentials: 300, IdToken: 300, Interaction: 300, Session: 300, Grant: 300 },
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }),
    }),
    extraTokenClaims: (_, token) => (token.accountId ? { acr: "urn:example:mfa", amr: ["pwd", "otp"] } : {}),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, indicator) => ({
          scope: "articles:read articles:write",
          audience: indicator,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  answer = provider.callback();
}

const server = createServer((request, response) => {
  if (request.url !== "/control/rotate") return answer(request, response);
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    const { forget } = JSON.parse(body || "{}");
    keys = [makeKey(), ...(forget ? [] : keys.slice(0, 1))]; // the first one signs
    build(url);
    response.end(JSON.stringify({ kid: keys[0].kid }));
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}`;
build(url);
console.log(JSON.stringify({ url }));
