// Sends each request of standard input (a JSON list of {headers, body}) by HTTP/2 over one connection; prints the answers.
import { readFileSync } from "node:fs";
import { connect } from "node:http2";

const [url, name, ca] = process.argv.slice(2);
const session = connect(url, { ca: readFileSync(ca), servername: name, checkServerIdentity: () => undefined });
session.on("error", () => {});
const ask = ({ headers, body }) =>
  new Promise((resolve) => {
    const found = { status: 0, headers: {}, body: "" };
    const stream = session.request(headers, { endStream: !body });
    stream.on("response", (answer) => {
      found.status = answer[":status"];
      found.headers = Object.fromEntries(Object.entries(answer).filter(([key]) => !key.startsWith(":")));
    });
    stream.setEncoding("utf8");
    stream.on("data", (part) => (found.body += part));
    stream.on("error", (error) => (found.error = error.code));
    stream.on("close", () => resolve(found));
    if (body) stream.end("x".repeat(body));
  });
const answers = [];
for (const request of JSON.parse(readFileSync(0, "utf8"))) {
  if (session.destroyed) answers.push({ status: 0, headers: {}, body: "", error: "connection" });
  else answers.push(await ask(request));
}
session.destroy();
console.log(JSON.stringify(answers));
