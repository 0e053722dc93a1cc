// `node healthcheck.mjs live|ready`: ends with 0 when the bridge in this container says so, else with 1 and the reason. In the image there
// is no other program that could ask. BRIDGE_URL says where the bridge is when HTTP_PORT does not (HTTPS, a mapping file with a port of its own).
const [question = 'live'] = process.argv.slice(2);
const { BRIDGE_URL, HTTP_PORT } = process.env;
const base = BRIDGE_URL || `http://127.0.0.1:${HTTP_PORT || 8080}`;

try {
  const answer = await fetch(new URL(`/health/${question}`, base), { signal: AbortSignal.timeout(4000) });
  const text = await answer.text();
  if (!answer.ok) {
    console.error(`${question}: ${answer.status} ${text}`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(
    `${question}: the bridge does not answer at ${base}: ${error.cause?.message ?? error.message}`,
  );
  process.exitCode = 1;
}
