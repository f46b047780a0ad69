// Signs and verifies messages by the official packages, and by node's own Ed25519.
// node webhooks.mjs PACKAGE, a JSON job on standard input: {secret, body (base64), id, at, headers?, key?}.

import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

const { Webhook } = await import(process.argv[2]);

let input = "";
for await (const part of process.stdin) input += part;
const job = JSON.parse(input);
const body = Buffer.from(job.body, "base64");
const told = {};

const hook = new Webhook(job.secret);
told.signed = hook.sign(job.id, new Date(job.at * 1000), body.toString());
if (job.headers) {
  try {
    hook.verify(body.toString(), job.headers);
    told.holds = true;
  } catch (error) {
    told.holds = false;
    told.why = error.message;
  }
}
if (job.key) {
  const key = createPrivateKey({ key: Buffer.from(job.key, "base64"), format: "der", type: "pkcs8" });
  const content = Buffer.concat([Buffer.from(`${job.id}.${job.at}.`), body]);
  told.publicly = `v1a,${sign(null, content, key).toString("base64")}`;
  if (job.headers) {
    const theirs = job.headers["webhook-signature"].split(" ").find((one) => one.startsWith("v1a,"));
    told.publiclyHolds = verify(null, content, createPublicKey(key), Buffer.from(theirs.slice(4), "base64"));
  }
}
console.log(JSON.stringify(told));
