// The one way to the server. Its errors are of two kinds: it said no (Refused), or it said nothing (Away).

const TOKEN = "smearprep token";

/** The server's answer was an error: `status` of HTTP, `message` for the user, `answer` as it came. */
export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `HTTP ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

/** No answer: the server is stopped, or the network is. */
export class Away extends Error {}

/** Takes the token or the one-time ticket out of the page's address, where nobody else is to find it.
 *  Returns whether there is a token now. */
export async function takeLink() {
  const found = linkIn(location.hash);
  if (found) history.replaceState(null, "", location.pathname);
  return found ? useLink(found) : hasToken();
}

function hasToken() {
  return Boolean(sessionStorage.getItem(TOKEN));
}

/** {token} or {ticket} of an address, else null. */
export function linkIn(text) {
  const found = /#(token|ticket)=([\w-]+)/.exec(text);
  return found && { [found[1]]: found[2] };
}

/** Takes a token, or changes a ticket for one. */
export async function useLink({ token, ticket }) {
  const own = token ?? (await post("/api/token", { ticket }).catch(() => ({}))).token;
  if (own) sessionStorage.setItem(TOKEN, own);
  return hasToken();
}

/** GET: the answer's JSON. Throws Refused, Away. */
export async function get(path, query = {}) {
  return jsonOf(await ask(`${path}?${new URLSearchParams(query)}`));
}

/** POST of JSON: the answer's JSON. Throws Refused, Away. */
export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return jsonOf(await ask(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** An image, decoded. Throws Refused, Away, and what the decoder throws. */
export async function pixelsOf(key) {
  const answer = await ask(`/api/pixels?${new URLSearchParams({ key })}`);
  return createImageBitmap(await answer.blob());
}

/** The answer's JSON; one that broke off is none. */
function jsonOf(answer) {
  return answer.json().catch((error) => {
    throw new Away(error.message);
  });
}

async function ask(path, { headers = {}, ...how } = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const all = token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
  const answer = await fetch(path, { ...how, headers: all, cache: "no-store" }).catch((error) => {
    throw new Away(error.message);
  });
  if (answer.ok) return answer;
  throw new Refused(answer.status, await answer.json().catch(() => ({})));
}
