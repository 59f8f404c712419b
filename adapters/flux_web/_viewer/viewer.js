/**
 * The viewer of Flux: runs, one run, workflows, and what a person can do about them.
 *
 * Whatever the server says is put into the page as text (`textContent`, `append`) and pictures are parsed as XML: nothing
 * that a run holds is ever read as HTML. All addresses are relative, so the page works under any prefix.
 */

// Elements.

const main = document.getElementById("main");

/** Make an element: `h("p.note", { id: "x" }, "text")`. Attributes that are false or null are left out; `onclick` listens. */
function h(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  const attributes = children[0]?.constructor === Object ? children.shift() : {};
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value != null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** Have a container hold these elements, and leave those where they are that it has there already. */
function place(container, elements) {
  const wanted = new Set(elements);
  for (const child of [...container.children]) if (!wanted.has(child)) child.remove();
  elements.forEach((element, index) => {
    if (container.children[index] !== element) container.insertBefore(element, container.children[index] ?? null);
  });
}

const button = (label, onclick, attributes) => h("button", { type: "button", onclick, ...attributes }, label);
const link = (href, ...children) => h("a", { href }, ...children);
const note = (...children) => h("p.note", ...children);
const heading = (text) => h("h1", { tabindex: "-1" }, text); // it takes the focus when its view is shown
const fact = (label, ...content) => content.some(Boolean) && h("div", h("dt", label), h("dd", content));
const crumbs = (...links) => h("nav.crumbs", { "aria-label": "Where this is" }, links);
const columns = (heads) => h("thead", h("tr", heads.map((text) => (text ? h("th", { scope: "col" }, text) : h("td")))));
const pane = (name, heading, ...content) =>
  h("section", { class: `pane ${name}`, "aria-labelledby": `h-${name}` }, h("h2", { id: `h-${name}` }, heading), content);
const address = (path, parameters) => `#/${path}?${new URLSearchParams(parameters)}`;

/** Change what is in a container, and put the focus back to where it was, if that is still there. */
function keepFocus(container, change) {
  const active = container.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.closest("[data-key]")?.dataset.key;
  change();
  if (key && active !== document.activeElement) {
    container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  }
}

// Words.

const STATUSES = [
  "pending", "running", "suspended", "paused", "completed", "failed",
  "cancelled", "rolling_back", "rolled_back", "compensation_failed",
];
const UNDER_WAY = STATUSES.slice(0, 3);

const RING = "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0";
const UNDO = "M-5 -2H2A3 3 0 0 1 2 4H-2M-2 -5L-5 -2L-2 1";
/** The shapes that the pictures have too: a status is told apart without its colour. Around the origin, 12 by 12. */
const MARKS = {
  pending: RING,
  running: "M-3.5 -5L5 0L-3.5 5Z",
  suspended: `${RING}M0 -3V0L2.5 1.5`,
  paused: "M-2.5 -5V5M2.5 -5V5",
  completed: "M-5 0.5L-1.5 4L5 -4",
  failed: "M-4.5 -4.5L4.5 4.5M4.5 -4.5L-4.5 4.5",
  skipped: "M-5 -4L-1 0L-5 4M1 -4L5 0L1 4",
  cancelled: `${RING}M-3.5 3.5L3.5 -3.5`,
  compensating: UNDO,
  compensated: UNDO,
  rolling_back: UNDO,
  rolled_back: UNDO,
  compensation_failed: "M0 -5.5L6 5H-6ZM0 -1.5V1.5M0 3V3.6",
  not_reached: "M2 0A2 2 0 1 1 -2 0A2 2 0 1 1 2 0",
};
const WORDS = { compensating: "being undone", compensated: "undone" };

const word = (status) => WORDS[status] ?? status.replaceAll("_", " ");
const statusClass = (status) => `is-${status.replaceAll("_", "-")}`;
const digits = (count) => count.toLocaleString("en");
const plural = (count, noun) => `${digits(count)} ${noun}${count === 1 ? "" : "s"}`;
const list = (words) => words.join(", ");

function mark(status) {
  const [svg, path] = ["svg", "path"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
  svg.setAttribute("viewBox", "-7 -7 14 14");
  svg.setAttribute("class", "mark");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", MARKS[status] ?? RING);
  svg.append(path);
  return svg;
}

const badge = (status, ...more) =>
  h(`span.status.${statusClass(status)}`, mark(status), h("span", word(status)), ...more);

const SMALL = [["µs", 1e-6, 0.0009995], ["ms", 1e-3, 0.9995], ["s", 1, 59.95]]; // each with what rounds to the next
const LARGE = [["y", 31_536_000], ["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];

/** Seconds with three digits or two units, as the pictures have them. */
function duration(seconds) {
  if (seconds == null || Number.isNaN(seconds)) return "";
  const small = SMALL.find(([, , until]) => seconds < until);
  if (small) return `${Number((seconds / small[1]).toPrecision(3))} ${small[0]}`;
  let left = Math.round(seconds);
  const units = LARGE.map(([unit, size]) => {
    const count = Math.floor(left / size);
    left %= size;
    return count && `${count} ${unit}`;
  });
  const first = units.findIndex(Boolean);
  return units.slice(first, first + 2).filter(Boolean).join(" ");
}

let skew = 0; // milliseconds that the server's clock is ahead of this one's
const now = () => Date.now() + skew;
/** Seconds between two moments of the server: it writes microseconds, which Date would drop. */
const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000 + (micros(to) - micros(from)) / 1e6;
const micros = (moment) => Number(/\.\d{3}(\d{3})/.exec(moment)?.[1] ?? 0);
const secondsSince = (moment) => Math.max(0, (now() - Date.parse(moment)) / 1000);
const isOverdue = (moment) => secondsSince(moment) > 60; // a tick comes each minute, or more often

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** A moment in local time: the clock if it is of today, else the day too. Its title is exact. */
function moment(text) {
  if (!text) return null;
  const date = new Date(text);
  const days = date.toDateString() === new Date(now()).toDateString() ? "" : `${DAY.format(date)}, `;
  return h("time", { datetime: text, title: `${date.toLocaleString()} · ${text}` }, days + CLOCK.format(date));
}

/** How long something has taken, counting on while it is under way. */
function ticking(began) {
  return h("span", { "data-began": began }, duration(secondsSince(began)));
}

const took = (run) => (hasEnded(run) ? duration(run.duration) : ticking(run.created_at));

setInterval(() => {
  for (const element of document.querySelectorAll("[data-began]")) {
    element.textContent = duration(secondsSince(element.dataset.began));
  }
}, 1000);

/** A word as a shell takes it. */
const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// Values.

const LONGEST_COLOURED = 20_000; // characters; beyond this the browser is busy with spans rather than with people
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

function coloured(text) {
  if (text.length > LONGEST_COLOURED) return [text];
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(TOKENS)) {
    const kind = found[2] !== undefined ? "key" : found[1] ? "string" : "literal";
    const token = found[1] ?? found[0];
    parts.push(text.slice(end, found.index), h(`span.json-${kind}`, token));
    end = found.index + token.length;
  }
  return [...parts, text.slice(end)];
}

/** A value, with the number of bytes that it has in the store if only its begin is here. */
function valueBlock(value, label, bytes) {
  const text = typeof value === "string" && bytes ? value : JSON.stringify(value, null, 2) ?? "null";
  return [
    h("pre.value", { tabindex: "0", role: "group", "aria-label": label }, bytes ? text : coloured(text)),
    bytes && note(`Shortened: ${digits(bytes)} bytes are in the store.`),
  ];
}

/** Say of which values under a path only the begin is here. */
function cutNote(run, path) {
  const cut = Object.entries(run.shortened ?? {}).filter(([name]) => name.startsWith(path));
  return cut.length > 0 && note(`Shortened: ${list(cut.map(([name, bytes]) => `${name.slice(path.length)} (${digits(bytes)} bytes)`))}.`);
}

const isObject = (value) => value !== null && typeof value === "object";

/** Give each difference between two values, by its path. */
function* differences(before, after, path) {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  if (!isObject(before) || !isObject(after) || Array.isArray(before) !== Array.isArray(after)) {
    yield { path, before, after };
    return;
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    yield* differences(before[key], after[key], Array.isArray(after) ? `${path}[${key}]` : path ? `${path}.${key}` : key);
  }
}

function diffBlock(before, after) {
  const rows = [...differences(before, after, "")].map(({ path, before: old, after: fresh }) =>
    h("div.change", { role: "listitem" },
      h("code.path", path),
      old !== undefined && h("del", h("span.sign", "− "), JSON.stringify(old, null, 2)),
      fresh !== undefined && h("ins", h("span.sign", "+ "), JSON.stringify(fresh, null, 2))));
  return rows.length ? h("div.diff", { role: "list" }, rows) : note("Nothing was changed.");
}

async function copy(text, note) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no secure context, or no permission: the old way needs neither
    const area = h("textarea.off", { "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(note);
}

// Requests and trouble.

/** What the server refused, in its own words; status 0 if it did not answer. */
class Problem extends Error {
  constructor(status, { code, title, detail } = {}) {
    super(detail || title || `the server answered ${status}`);
    Object.assign(this, { status, code });
  }

  /** Whether it may be over in a moment. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const about = { version: null, source: "", acts: false, role: null, tokens: false };
const mayAct = () => about.acts && about.role === "operate";
const TOKEN = "flux-token";

/** Ask the server, with the token if there is one; a token that is missing or wrong is asked for. */
async function request(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const response = await send(path, token, options);
    if (response.status === 401 && (about.tokens || token)) {
      await askToken(token);
      continue;
    }
    if (!response.ok && response.status !== 304) throw await problemOf(response);
    recovered();
    return response;
  }
}

async function send(path, token, { method = "GET", body, headers = {}, signal } = {}) {
  const more = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) more["Content-Type"] = "application/json";
  try {
    const response = await fetch(path, { method, body, headers: { ...more, ...headers }, signal });
    const behind = Date.parse(response.headers.get("Date")) - Date.now();
    skew = Math.abs(behind) > 5000 ? behind : 0; // the header has whole seconds
    return response;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The server does not answer." });
  }
}

async function problemOf(response) {
  try {
    return new Problem(response.status, await response.json());
  } catch {
    return new Problem(response.status);
  }
}

/** Leave it to others to tell of a refusal. */
function quiet(error) {
  if (!(error instanceof Problem) && error.name !== "AbortError") throw error;
}

function tell(error) {
  quiet(error);
  if (error instanceof Problem) toast(error.message, "bad");
}

const json = async (path, options) => (await request(path, options)).json();

/** Return a function that asks again and again, and gives null for what it gave last, or is older than that. */
function watched(read = "json") {
  let path, etag;
  let [asked, given] = [0, 0];
  return async (wanted, signal) => {
    const turn = ++asked;
    const headers = wanted === path ? { "If-None-Match": etag } : {};
    const response = await request(wanted, { headers, signal });
    const content = response.status === 304 ? null : await response[read]();
    if (content === null || turn < given) return null;
    [path, etag, given] = [wanted, response.headers.get("ETag"), turn];
    return content;
  };
}

/** Do it now and then again, until the signal says stop. What may be over in a moment is told, and tried again. */
async function repeat(work, seconds, signal) {
  for (let failures = 0; !signal.aborted;) {
    try {
      await work();
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (!error.passes) throw error;
      trouble(error);
      failures += 1;
    }
    await pause(failures ? Math.min(8, 2 ** (failures - 1)) : seconds(), signal);
    await visible(signal);
  }
}

const pause = (seconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/** Wait until somebody looks at the page: a tab in the background asks for nothing. */
async function visible(signal) {
  const event = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
  while (document.hidden && !signal.aborted) await Promise.race([event(document, "visibilitychange"), event(signal, "abort")]);
}

const banner = document.getElementById("banner");

function trouble(error) {
  const what = error.status === 0 ? "The server does not answer." :
    error.status === 503 ? "The store does not answer." : `The server reports an error (${error.status}).`;
  const text = `${what} What you see may be old; the viewer keeps trying.`;
  if (banner.textContent !== text) banner.textContent = text; // it is read aloud once
  banner.hidden = false;
}

function recovered() {
  if (banner.hidden) return;
  banner.hidden = true;
  toast("The connection is back.");
}

function toast(text, kind = "") {
  const shown = h(`p.toast.${kind}`, text);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), 8000);
}

// Server-sent events.

/** Give each message of a stream: its event and data. */
async function* messages(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { value, done } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Problem(0);
    });
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    yield* blocks.map(message);
  }
}

function message(block) {
  const fields = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/s.exec(line) ?? [];
    if (name) fields[name] = value; // a comment has no name
  }
  return fields;
}

// Pictures.

/** Put a picture from the server into a container, unless it is there already. `pick` is given the key of a node that is pressed. */
class Picture {
  constructor(container, signal, pick, shown = () => {}) {
    Object.assign(this, { container, signal, shown, latest: watched("text") });
    const press = (event) => {
      const node = event.target.closest("[data-key]");
      if (node && pick(node.dataset.key)) event.preventDefault();
    };
    container.addEventListener("click", press);
    container.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && press(event));
  }

  /** Show it, and leave what was there if that does not work: the page's other requests tell of the trouble. */
  async show(name, query) {
    const text = await this.latest(`viewer/${name}.svg?${new URLSearchParams(query)}`, this.signal).catch(quiet);
    if (!text || text === this.text) return;
    this.text = text;
    const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
    for (const node of svg.querySelectorAll("[data-step], [data-compensation]")) node.dataset.key = nodeKey(node);
    keepFocus(this.container, () => this.container.replaceChildren(svg));
    this.shown();
  }

  /** What the server is to know of the reader: the zone, and a width that is rounded, so that few pictures differ. */
  get reader() {
    return { offset: -new Date().getTimezoneOffset(), width: Math.max(280, Math.floor((this.container.clientWidth || 720) / 20) * 20) };
  }
}

/** Bring an element into view, with the focus on it. Say whether there is one. */
function bring(element) {
  element?.focus({ preventScroll: true });
  element?.parentNode.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  return Boolean(element);
}

const focusOn = (elements, index) => elements[Math.max(0, Math.min(elements.length - 1, index))]?.focus();

const nodeKey = (node) => (node.dataset.compensation ? `undo:${node.dataset.compensation}` : `step:${node.dataset.step}`);

// Dialogs.

/**
 * Ask in a dialog, and do it when it is confirmed: the dialog stays, with what went wrong, if it does not work.
 * `perform` is given the form, and says by what it throws that nothing was done. Return what it returned, or undefined.
 */
function ask({ title, verb, content, perform, danger = false, close = "Back" }) {
  return new Promise((resolve) => {
    let answer;
    const refusal = h("p.refusal", { role: "alert", hidden: true });
    const confirm = verb && h("button", { type: "submit", class: danger ? "primary danger" : "primary" }, verb);
    const form = h("form", { method: "dialog", novalidate: true },
      h("h2", { id: "dialog-title" }, title), content, refusal,
      h("div.buttons", button(close, () => dialog.close(), { autofocus: !verb }), confirm));
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      refusal.hidden = true;
      confirm.disabled = true;
      confirm.textContent = "Working…";
      try {
        answer = await perform(form, dialog);
        dialog.close();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        refusal.textContent = error.message;
        refusal.hidden = false;
        if (!dialog.open) toast(error.message, "bad");
      } finally {
        confirm.disabled = false;
        confirm.textContent = verb;
      }
    });
    dialog.addEventListener("close", () => (dialog.remove(), resolve(answer)));
    document.body.append(dialog);
    dialog.showModal();
  });
}

let asking = null; // several requests may find at the same time that a token is needed

async function askToken(refused) {
  asking ??= ask({
    title: "This server asks for a token",
    verb: "Use it",
    content: [
      refused && h("p.refusal", "The token is not one of the server's. Check that it is whole."),
      h("p", "It is what the server was given in FLUX_READ_TOKEN or FLUX_OPERATE_TOKEN. This tab keeps it until it is closed."),
      h("label", "Token", h("input", { name: "token", type: "password", autocomplete: "off", required: true, autofocus: true })),
    ],
    perform(form) {
      const token = form.elements.token.value.trim();
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Problem(401, { detail: "A token is a word without spaces." });
      sessionStorage.setItem(TOKEN, token);
      return true;
    },
  }).finally(() => (asking = null));
  if (!await asking) {
    sessionStorage.removeItem(TOKEN);
    throw new Problem(401, { detail: "Without a token the server shows nothing." });
  }
  await introduce();
}

/** A field for JSON that says, while it is written, whether it is any; `read` throws a Problem if it is not. */
function jsonField(label, hint) {
  const said = h("p.note", { id: `${label}-note`, "aria-live": "polite" }, hint);
  const area = h("textarea", { name: label, rows: "5", spellcheck: "false", "aria-describedby": `${label}-note`, placeholder: "null" });
  function read() {
    try {
      return area.value.trim() ? JSON.parse(area.value) : null;
    } catch (error) {
      area.focus();
      throw new Problem(422, { detail: `The ${label} is no JSON: ${error.message}. A text needs quotes: "yes".` });
    }
  }
  area.addEventListener("input", () => {
    area.ariaInvalid = null;
    said.textContent = hint;
    try {
      if (read() !== null) said.textContent = "This is JSON.";
    } catch (error) {
      area.ariaInvalid = "true";
      said.textContent = error.message;
    }
  });
  return { element: [h("label", label[0].toUpperCase() + label.slice(1), area), said], read };
}

// Acts.

const enc = encodeURIComponent;
const runPath = (id) => `runs/${enc(id)}`;
const runLink = (id) => h("a.run-link", { href: `#/${runPath(id)}` }, id);
const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-"); // randomUUID is for secure contexts

/** Ask the server to do something about a run; `match` is the ETag of the run as the person saw it. */
function act(id, action, { body, match, key, method = "POST" } = {}) {
  const headers = { ...(match && { "If-Match": match }), ...(key && { "Idempotency-Key": key }) };
  return request(`${runPath(id)}${action}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

const isInterrupted = (run) => run.status === "failed" && run.error?.code === "INTERRUPTED";
const openStep = (run) => run.history?.at(-1)?.name ?? run.step;

const isOneOf = (...statuses) => (run) => statuses.includes(run.status);
const hasEnded = isOneOf("completed", "failed", "cancelled", "rolled_back", "compensation_failed");

/**
 * What can be done about a run, in the order in which it is offered. `dialog` is called with the page of the run.
 * What can be done to many at once says what happens to each of them, and has a `send`; `some` are those that it is for.
 */
const ACTS = [
  {
    verb: "Retry", done: "Retried", fits: isOneOf("failed", "completed"), dialog: retryDialog,
    each: "Each goes on from the step that failed. Its completed commits are kept.",
    some: (run) => run.status === "failed" && !isInterrupted(run),
    send: (run) => act(run.id, "/retry", { body: {} }),
  },
  { verb: "Resolve", fits: isInterrupted, dialog: resolveDialog },
  { verb: "Signal", fits: isOneOf(...UNDER_WAY, "paused"), dialog: signalDialog },
  {
    verb: "Resume", done: "Resumed", fits: isOneOf("paused", "compensation_failed"), dialog: resumeDialog,
    each: "Each goes on where it was paused, or with the rollback that failed.",
    send: (run) => act(run.id, "/resume"),
  },
  {
    verb: "Pause", done: "Paused", fits: isOneOf(...UNDER_WAY, "rolling_back"),
    dialog: (view) => simpleDialog(view, "Pause",
      "The run stands still after the step in hand, until somebody resumes it. Its waits and time-outs go on."),
    each: "Each stands still after the step in hand, until somebody resumes it.",
    send: (run) => act(run.id, "/pause"),
  },
  {
    verb: "Cancel", done: "Cancelled", danger: true, fits: isOneOf(...UNDER_WAY, "paused"), dialog: cancelDialog,
    each: "Each ends for good, after the step in hand.", more: () => cancelChoice(null),
    send: cancel,
  },
  {
    verb: "Delete", done: "Deleted", danger: true, fits: hasEnded, dialog: deleteDialog,
    each: "They are removed with all that is known of them. An event that is delivered once more will run once more.",
    send: (run) => act(run.id, "", { method: "DELETE" }),
  },
];

/** The act that a run most likely waits for. */
function suggested(run) {
  if (run.status === "suspended" && run.waits_for) return "Signal";
  return { failed: isInterrupted(run) ? "" : "Retry", paused: "Resume", compensation_failed: "Resume" }[run.status];
}

const commandLine = (...words) =>
  note("On the command line: ", h("code", `flux ${words.filter(Boolean).join(" ")}`));

/** Do it, tell what came of it, and show the run anew either way. */
async function steer(view, verb, work) {
  try {
    const response = await work();
    const answer = response.status === 204 ? null : await response.json();
    if (answer) toast(outcome(verb, answer), answer.error ? "bad" : "");
    return answer ?? {};
  } catch (error) {
    if (error.status === 412 || error.code === "CONFLICT") {
      const { run } = await view.load();
      error.message = `Somebody else has changed this run meanwhile, and nothing was done. It is ${word(run.status)} now; `
        + "the page behind this shows how it stands.";
    }
    throw error;
  } finally {
    if (verb !== "Delete") view.load().catch(quiet);
  }
}

/** Ask about an act on the run of a page; `send` is given the form. */
const askTo = (view, verb, { send, confirm = verb, ...more }) =>
  ask({ title: `${verb} ${view.run.id}`, verb: confirm, ...more, perform: (form) => steer(view, verb, () => send(form)) });

const errorLine = ({ type, message }) => `${type ?? "Error"}: ${message}`;
const outcome = (verb, { status, error }) => `${verb}: the run is ${word(status)}. ${error ? errorLine(error) : ""}`;

async function retryDialog(view) {
  const { run, match } = await view.load();
  const failed = run.history.findLast((step) => step.status === "failed") ?? run.history.at(-1);
  const step = h("select", { onchange: look }, run.history.map(({ name }) =>
    h("option", { selected: name === failed?.name }, name)));
  const redo = h("input", { type: "checkbox", onchange: look });
  const warning = h("p.warning", { hidden: true },
    "These commits were made already. They will be made again, under new idempotency keys: a payment is taken twice.");
  const plan = h("div.plan", { "aria-live": "polite" });
  const command = h("div");
  let turn = 0;
  async function look() {
    const mine = ++turn;
    const query = new URLSearchParams({ step: step.value, redo_commits: redo.checked });
    warning.hidden = !redo.checked;
    command.replaceChildren(commandLine("retry", shell(run.id), step.value !== failed?.name && `--step ${shell(step.value)}`, redo.checked && "--redo-commits"));
    const shown = await json(`${runPath(run.id)}/plan?${query}`).then(planBlock, (error) => h("p.refusal", error.message));
    if (mine === turn) plan.replaceChildren(shown);
  }
  look();
  return askTo(view, "Retry", {
    content: [
      isInterrupted(run) && h("p.warning",
        `Nobody knows whether ${openStep(run)} happened. Retry only if you have made sure that it did not; if it did, use Resolve.`),
      h("label", "From the step", step), plan,
      h("label.inline", redo, "Redo completed commits"), warning, command,
    ],
    send: () => act(run.id, "/retry", { match, body: { step: step.value, ...(redo.checked && { redo_commits: true }) } }),
  });
}

/** What a retry would do, in three lines. */
function planBlock(plan) {
  const line = (label, names, none = "nothing") => h("div", h("dt", label), h("dd", names.length ? list(names) : none));
  return h("dl.plan-lines",
    line("Runs again", plan.again),
    line("Is kept, not run again", plan.kept),
    line("Then, for the first time", plan.next, "nothing: it is the end"));
}

async function signalDialog(view) {
  await view.named;
  const { run } = view;
  const waits = view.nodes.filter((node) => node.kind === "wait").map((node) => node.name);
  const payload = jsonField("payload", "JSON: it becomes the output of the wait. Left empty it is null.");
  const key = newKey(); // the same for each press of the button: an answer that was lost does not make two signals
  return askTo(view, "Signal", {
    confirm: "Send",
    content: [
      h("label", "Signal", h("input", { name: "name", required: true, value: run.waits_for ?? waits[0] ?? "", list: "waits", autocomplete: "off" })),
      h("datalist", { id: "waits" }, waits.map((name) => h("option", { value: name }))),
      payload.element,
      h("p", run.waits_for ? `The run waits for ${run.waits_for}, and goes on when it comes.` : "The run does not wait for a signal now; one that comes early is kept for its wait."),
      commandLine("signal", shell(run.id), shell(run.waits_for ?? "NAME"), "--payload '…'"),
    ],
    send(form) {
      const name = form.elements.name.value.trim();
      if (!name) throw new Problem(422, { detail: "Say which signal: its name is that of the wait." });
      return act(run.id, `/signals/${enc(name)}`, { body: payload.read(), key });
    },
  });
}

async function resolveDialog(view) {
  const { run, match } = await view.load();
  const step = openStep(run);
  const output = jsonField("output", "JSON: what the commit gave, for the steps after it. Left empty it is null.");
  return askTo(view, "Resolve", {
    confirm: `${step} did happen`,
    content: [
      h("p", `${step} was interrupted, and is a commit that must not happen twice. Look where it would have left its mark. If it did happen, say so here: it counts as completed, and the run goes on behind it. If it did not, go back and retry.`),
      output.element,
      commandLine("resolve", shell(run.id), shell(step), "--output '…'"),
    ],
    send() {
      const given = output.read();
      return act(run.id, "/resolve", { match, body: { step, ...(given !== null && { output: given }) } });
    },
  });
}

function simpleDialog(view, verb, text) {
  const { id } = view.run;
  const action = verb.toLowerCase();
  return askTo(view, verb, {
    content: [h("p", text), commandLine(action, shell(id))],
    send: () => act(id, `/${action}`),
  });
}

function resumeDialog(view) {
  return simpleDialog(view, "Resume", view.run.status === "paused" ? "The run goes on where it was paused." :
    "The rollback is tried again from the compensation that failed; those that have completed are not run again.");
}

/** The two ways to cancel. `undone` are the steps that would be compensated; null if that is not known. */
function cancelChoice(undone) {
  const choice = (value, title, text, checked) => h("label.choice",
    h("input", { type: "radio", name: "compensate", value, checked }), h("span", h("strong", title), h("span", text)));
  const undoing = undone === null ? "What completed is undone by its compensations, last first." :
    undone.length ? `Undone, in this order: ${list(undone)}.` : "Nothing that completed has a compensation.";
  return h("fieldset", h("legend", "What was done already"),
    choice("", "stays done", "The run ends as cancelled. Nothing is undone.", true),
    choice("yes", "is undone", undoing, false));
}

function cancel(run, form) {
  return act(run.id, "/cancel", { body: { compensate: form.elements.compensate.value === "yes" } });
}

async function cancelDialog(view) {
  await view.named;
  const { run } = view;
  const compensated = new Set(view.nodes.filter((node) => node.compensated).map((node) => node.name));
  const undone = run.history.filter((step) => step.status === "completed" && compensated.has(step.name)).map((step) => step.name);
  return askTo(view, "Cancel", {
    confirm: "Cancel the run",
    danger: true,
    content: [
      h("p", "The run ends for good, after the step in hand."),
      cancelChoice(view.nodes.length ? undone.reverse() : null),
      commandLine("cancel", shell(run.id), "[--compensate]"),
    ],
    send: (form) => cancel(run, form),
  });
}

async function deleteDialog(view) {
  const { run, match } = await view.load();
  const deleted = await askTo(view, "Delete", {
    confirm: "Delete for good",
    danger: true,
    content: [
      h("p", "The run and all that is known of it are removed. If its event is delivered once more, it will run once more."),
      commandLine("delete", shell(run.id)),
    ],
    send: () => act(run.id, "", { match, method: "DELETE" }),
  });
  if (!deleted) return;
  toast(`${run.id} was deleted.`);
  location.hash = backToRuns;
}

// Bulk acts.

const AT_ONCE = 4; // requests of a bulk act under way at the same time
const WHOLE_PAGE = 200;
const BULK = ACTS.filter(({ each }) => each).map((each) => ({ ...each, fits: each.some ?? each.fits }));

/** Give all runs that meet a query, page by page; `told` is called with how many there are so far. */
async function gather(query, told, signal) {
  const found = [];
  const asked = new URLSearchParams(query);
  asked.set("limit", WHOLE_PAGE);
  for (let cursor = ""; cursor !== null;) {
    if (cursor) asked.set("cursor", cursor);
    const page = await json(`runs?${asked}`, { signal });
    found.push(...page.runs.map(({ id, workflow, status, error }) => ({ id, workflow, status, error })));
    cursor = page.cursor;
    told(found.length);
  }
  return found;
}

/** Those that have the same text together, the most first. */
const tallied = (things, text) => [...Map.groupBy(things, text)].sort(([, a], [, b]) => b.length - a.length);
const tallyLine = (runs, text) => list(tallied(runs, text).map(([words, all]) => `${digits(all.length)} ${words}`));

/** Confirm an act on many runs, do it to one after the other, and tell what came of each. */
async function bulkDialog(bulk, found) {
  const targets = found.filter(bulk.fits);
  const others = found.filter((run) => !bulk.fits(run));
  const outcomes = [];
  let going;
  await ask({
    title: `${bulk.verb} ${plural(targets.length, "run")}?`,
    verb: targets.length > 0 && `${bulk.verb} ${plural(targets.length, "run")}`,
    danger: bulk.danger,
    content: [
      targets.length > 0 && h("p", `${tallyLine(targets, (run) => `${word(run.status)} ${run.workflow}`)}.`),
      targets.length > 0 && h("p", bulk.each),
      targets.length > 0 && bulk.more?.(),
      others.length > 0 && note(`Left alone: ${tallyLine(others, leftAlone)}.`),
    ],
    perform: (form, dialog) => (going = doAll(bulk, targets, outcomes, form, dialog)),
  });
  await going; // those that were under way when it was stopped
  const came = outcomes.length < targets.length ? `Stopped after ${outcomes.length} of ${plural(targets.length, "run")}` :
    `${bulk.done}: ${plural(outcomes.length, "run")}`;
  if (outcomes.length) await ask({ title: came, content: tallyBlock(outcomes), close: "Done" });
  return outcomes.length > 0;
}

const leftAlone = (run) =>
  isInterrupted(run) ? "of which nobody knows whether a commit happened" : word(run.status);

/** Send the act for each target, a few at the same time, until all are done or the dialog is closed. */
async function doAll(bulk, targets, outcomes, form, dialog) {
  const bar = h("progress", { max: targets.length, value: 0, "aria-label": "Runs done" });
  const count = h("p.note");
  form.querySelector(".buttons").before(bar, count);
  form.querySelector(".buttons button").textContent = "Stop";
  const waiting = targets.values();
  async function worker() {
    for (const run of waiting) {
      if (!dialog.open) return;
      outcomes.push({ run, ...await bulkOutcome(bulk, run, form) });
      bar.value = outcomes.length;
      count.textContent = `${outcomes.length} of ${targets.length}`;
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function bulkOutcome(bulk, run, form) {
  try {
    const response = await bulk.send(run, form);
    return { text: response.status === 204 ? "deleted" : word((await response.json()).status) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { text: `refused: ${error.message}` };
  }
}

const LISTED = 20; // runs that are named under an outcome

function tallyBlock(outcomes) {
  return h("ul.tally", tallied(outcomes, ({ text }) => text).map(([text, all]) => h("li", h("details",
    h("summary", h("strong", digits(all.length)), ` ${text}`),
    h("ul", all.slice(0, LISTED).map(({ run }) => h("li", runLink(run.id)))),
    all.length > LISTED && note(`and ${all.length - LISTED} more`)))));
}

// Runs.

const PAGE = 50;
const RANGES = [
  ["", "Any time"], ["15m", "Last 15 minutes"], ["1h", "Last hour"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"],
  ["30d", "Last 30 days"], ["custom", "From … to …"],
];
const SECONDS = { m: 60, h: 3600, d: 86400 };
const FILTERS = ["workflow", "tag", "id", "range", "from", "to"];

let backToRuns = "#/"; // the table as it was left
let lastRun = null; // the run that was opened from it

/** The filters, as the address of the view says them, as the parameters of `GET runs`. */
function runsQuery(filters) {
  const query = new URLSearchParams();
  for (const name of ["workflow", "tag", "id"]) if (filters.get(name)) query.set(name, filters.get(name));
  for (const status of filters.getAll("status")) if (STATUSES.includes(status)) query.append("status", status);
  const range = /^(\d+)([mhd])$/.exec(filters.get("range"));
  if (range) {
    const minute = Math.floor(now() / 60_000) * 60; // so that what is asked for stays the same for a while
    query.set("since", minute - range[1] * SECONDS[range[2]]);
  }
  for (const [name, bound] of [["from", "since"], ["to", "until"]]) {
    const time = filters.get("range") === "custom" && Date.parse(filters.get(name));
    if (time) query.set(bound, time / 1000);
  }
  return query;
}

class RunsView {
  constructor(parameters, signal) {
    Object.assign(this, {
      signal, filters: parameters, rows: new Map(), order: [], cursor: null, chosen: new Set(), all: null, latest: watched(),
    });
  }

  start() {
    title("Runs");
    this.draw();
    this.fill();
    this.loop = new AbortController();
    return this.watch();
  }

  /** Follow an address that somebody has changed by hand, or gone back to. */
  update(parameters) {
    this.filters = parameters;
    this.fill();
    this.changed();
  }

  draw() {
    this.form = this.filterForm();
    this.span = h("h2", { id: "over-time" });
    this.figure = h("div.picture.chart");
    this.chart = new Picture(this.figure, this.signal);
    this.body = h("tbody", { onclick: (event) => this.clicked(event), onchange: (event) => this.ticked(event) });
    this.said = h("p.said", { role: "status" });
    this.more = button("Load more", () => this.loadMore(), { class: "more", hidden: true });
    this.bulk = h("div.bulk", { role: "region", "aria-label": "Chosen runs", hidden: true });
    main.replaceChildren(
      heading("Runs"), this.form,
      h("section.over-time", { "aria-labelledby": "over-time" }, this.span, this.figure),
      this.bulk, this.said, this.table(), this.more);
    addEventListener("resize", () => this.drawChart(), { signal: this.signal });
  }

  table() {
    const heads = { state: "Status", workflow: "Workflow", id: "Run", when: "Started", took: "Duration", stands: "Where it stands" };
    const all = mayAct() && h("th", { scope: "col", class: "pick" },
      h("input", { type: "checkbox", "aria-label": "Choose all that are shown", onchange: (event) => this.choose(event.target.checked ? this.order.map((run) => run.id) : []) }));
    this.head = all && all.firstChild;
    return h("table.runs",
      h("caption.off", "Runs, newest first"),
      h("thead", h("tr", all, Object.entries(heads).map(([name, text]) => h("th", { scope: "col", class: `${name}-head` }, text)))), this.body);
  }

  filterForm() {
    const text = (name, label, attributes) => h("label", label,
      h("input", { name, type: "search", autocomplete: "off", spellcheck: "false", ...attributes }));
    const chips = STATUSES.map((status) => h(`label.chip.${statusClass(status)}`,
      h("input", { type: "checkbox", name: "status", value: status }), mark(status), h("span", word(status)),
      h("span.count", { "data-count": status })));
    const form = h("form.filters", { role: "search", "aria-label": "Runs" },
      h("fieldset.chips", h("legend.off", "Status"), chips),
      h("div.fields",
        text("id", "Run id begins with", { id: "search", placeholder: "press /" }),
        h("label", "Workflow", h("select", { name: "workflow" })),
        text("tag", "Tag"),
        h("label", "Created", h("select", { name: "range" }, RANGES.map(([value, label]) => h("option", { value }, label)))),
        h("label.custom", "From", h("input", { name: "from", type: "datetime-local" })),
        h("label.custom", "To", h("input", { name: "to", type: "datetime-local" })),
        button("Clear", () => this.clear(), { class: "quiet" })));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => this.applySoon(event.target.type === "search" ? 250 : 0));
    return form;
  }

  /** Put the filters into the form. */
  fill() {
    this.offer(this.workflows ?? []);
    for (const name of FILTERS) this.form.elements[name].value = this.filters.get(name) ?? "";
    const statuses = this.filters.getAll("status");
    for (const box of this.form.elements.status) box.checked = statuses.includes(box.value);
    backToRuns = location.hash || "#/";
  }

  /** Offer workflows to choose from, the chosen one among them, known here or not. */
  offer(workflows) {
    const chosen = this.filters.get("workflow") ?? "";
    const names = [...new Set(["", chosen, ...workflows.map(({ name }) => name)])].sort();
    const select = this.form.elements.workflow;
    select.replaceChildren(...names.map((name) => h("option", { value: name }, name || "Any")));
    select.value = chosen;
  }

  applySoon(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.apply(), milliseconds);
  }

  /** Put what the form says into the address: a view can be sent to somebody else. */
  apply() {
    if (this.signal.aborted) return; // the address is another view's by now
    this.filters = new URLSearchParams([...new FormData(this.form)].filter(([, value]) => value));
    history.replaceState(null, "", this.filters.size ? `#/?${this.filters}` : "#/");
    backToRuns = location.hash;
    this.changed();
  }

  clear() {
    this.form.reset();
    this.apply();
    this.form.elements.id.focus();
  }

  /** Ask anew, for other runs. */
  changed() {
    this.fresh = true;
    this.latest = watched();
    this.choose([]);
    this.loop.abort(); // also stops an answer to what was asked before
    this.loop = new AbortController();
    this.restart?.();
  }

  /** Keep the table as the store is: each round lasts until the filters change. */
  async watch() {
    while (!this.signal.aborted) {
      const round = AbortSignal.any([this.signal, this.loop.signal]);
      const changed = new Promise((resolve) => (this.restart = resolve));
      const beside = repeat(() => this.refreshBeside(round), () => this.besideEvery, round);
      await Promise.race([repeat(() => this.refresh(round), () => 2, round), beside, changed]);
    }
  }

  async refresh(signal) {
    const query = runsQuery(this.filters);
    query.set("limit", this.fresh ? PAGE : Math.min(WHOLE_PAGE, Math.max(PAGE, this.order.length)));
    const page = await this.latest(`runs?${query}`, signal);
    if (!page) return;
    if (this.fresh) Object.assign(this, { fresh: false, order: [], cursor: null });
    this.merge(page);
    this.settle();
  }

  /** Take in a page from the top; what was loaded below it stays. */
  merge(page) {
    const last = page.runs.at(-1);
    const below = page.cursor === null || !last ? [] : this.order.filter((run) => isOlder(run, last));
    if (!below.length) this.cursor = page.cursor;
    this.order = [...page.runs, ...below];
    this.show();
  }

  async loadMore() {
    this.more.disabled = true;
    try {
      const query = runsQuery(this.filters);
      query.set("limit", PAGE * 2);
      query.set("cursor", this.cursor);
      const page = await json(`runs?${query}`, { signal: this.signal });
      const first = page.runs[0];
      this.cursor = page.cursor;
      this.order.push(...page.runs.filter((run) => !this.rows.has(run.id)));
      this.show();
      if (first) this.rows.get(first.id).querySelector(".run-link").focus();
    } catch (error) {
      tell(error);
    } finally {
      this.more.disabled = false;
    }
  }

  /** Bring the rows into the order of the runs; a row that stays where it is keeps its focus. */
  show() {
    this.rows = new Map(this.order.map((run) => [run.id, fillRow(this.rows.get(run.id) ?? this.newRow(run), run)]));
    place(this.body, [...this.rows.values()]);
    this.more.hidden = this.cursor === null;
  }

  newRow(run) {
    const box = mayAct() && h("td.pick",
      h("input", { type: "checkbox", "aria-label": `Choose ${run.id}`, value: run.id, checked: this.all !== null }));
    return h("tr", box, h("td.state"), h("td.workflow"), h("td.id", runLink(run.id)), h("td.when"), h("td.took"), h("td.stands"));
  }

  /** Say what there is, once it is there. */
  settle() {
    const none = this.filters.size ? "No run meets these filters." : "There are no runs yet. They appear here as they start.";
    const text = this.order.length ? "" : none;
    if (this.said.textContent !== text) this.said.textContent = text;
    if (lastRun) this.rows.get(lastRun)?.querySelector(".run-link").focus();
    lastRun = null;
  }

  // What stands around the table: totals and the chart, which cost the store more and change less.

  besideEvery = 5;

  async refreshBeside(signal) {
    const began = performance.now();
    await Promise.all([this.drawChart(), this.count(signal), this.workflows ?? this.nameWorkflows(signal)]);
    this.besideEvery = Math.max(5, (performance.now() - began) / 50); // a store that takes long is asked less often
  }

  async nameWorkflows(signal) {
    const { workflows } = await json("workflows", { signal });
    this.offer(this.workflows = workflows);
  }

  async count(signal) {
    const query = runsQuery(this.filters);
    query.delete("status"); // what a status would add is what one wants to know
    if (!query.has("since")) query.set("since", 0);
    query.set("slots", 1);
    const { slots } = await json(`runs/counts?${query}`, { signal });
    this.counts = slots[0].counts;
    for (const element of this.form.querySelectorAll("[data-count]")) {
      const count = this.counts[element.dataset.count] ?? 0;
      element.textContent = count ? digits(count) : "";
    }
    this.showBulk();
  }

  drawChart() {
    const query = runsQuery(this.filters);
    const range = this.filters.get("range") || "24h";
    this.span.textContent = `Runs by status · ${RANGES.find(([value]) => value === range)?.[1].toLowerCase() ?? range}`;
    for (const [name, value] of Object.entries(this.chart.reader)) query.set(name, value);
    return this.chart.show("chart", query);
  }

  /** How many runs meet the filters, as far as that is known. */
  get total() {
    const statuses = this.filters.getAll("status");
    const counted = Object.entries(this.counts ?? {}).filter(([status]) => !statuses.length || statuses.includes(status));
    return Math.max(this.order.length, counted.reduce((sum, [, count]) => sum + count, 0));
  }

  // Choosing runs.

  clicked(event) {
    if (event.target.closest("a, input, label") || getSelection().toString()) return;
    event.target.closest("tr")?.querySelector(".run-link")?.click();
  }

  ticked(event) {
    this.all = null;
    this.chosen[event.target.checked ? "add" : "delete"](event.target.value);
    this.showBulk();
  }

  /** Choose these, or all that meet a query. */
  choose(ids, all = null) {
    this.chosen = new Set(ids);
    this.all = all;
    this.showBulk();
  }

  showBulk() {
    if (!mayAct()) return;
    for (const [id, row] of this.rows) row.querySelector("input").checked = this.all !== null || this.chosen.has(id);
    this.head.checked = this.all !== null || (this.chosen.size > 0 && this.chosen.size >= this.order.length);
    this.bulk.hidden = !this.chosen.size && !this.all;
    const fits = BULK.filter((bulk) => this.all || this.order.some((run) => this.chosen.has(run.id) && bulk.fits(run)));
    const facts = JSON.stringify([this.chosen.size, Boolean(this.all), fits.map(({ verb }) => verb), this.cursor !== null, this.total]);
    if (facts === this.bulkFacts) return;
    this.bulkFacts = facts;
    keepFocus(this.bulk, () => this.bulk.replaceChildren(...this.bulkBar(fits)));
  }

  bulkBar(fits) {
    const offersAll = !this.all && this.cursor !== null && this.chosen.size >= this.order.length;
    return [
      h("p", { role: "status" }, this.all ? `All ${digits(this.total)} runs that meet the filters` : `${plural(this.chosen.size, "run")} chosen`),
      offersAll && button(`Choose all ${digits(this.total)} that meet the filters`, () => this.choose([], runsQuery(this.filters)), { class: "quiet", "data-key": "all" }),
      ...fits.map((bulk) => button(`${bulk.verb}…`, () => this.act(bulk), { class: bulk.danger ? "danger" : "", "data-key": bulk.verb })),
      button("Choose none", () => this.choose([]), { class: "quiet", "data-key": "none" }),
    ].filter(Boolean);
  }

  async act(bulk) {
    const told = (count) => (this.bulk.firstChild.textContent = `Looking at ${plural(count, "run")}…`);
    const targets = this.all ? await gather(this.all, told, this.signal).catch(tell) : this.order.filter((run) => this.chosen.has(run.id));
    if (targets && await bulkDialog(bulk, targets)) this.choose([]);
  }

  /** Keys of the table. */
  key(name) {
    const links = [...this.body.querySelectorAll(".run-link")];
    const row = document.activeElement.closest("tbody tr");
    const at = row ? [...this.body.children].indexOf(row) : -1;
    const step = { j: 1, ArrowDown: row ? 1 : 0, k: -1, ArrowUp: row ? -1 : 0 }[name];
    if (step) focusOn(links, at + step);
    else if (name === "x" && row) row.querySelector("input")?.click();
    else if (name === "Enter" && document.activeElement === row?.querySelector("input")) links[at].click();
    else if (name === "/") this.form.elements.id.focus();
    else return false;
    return true;
  }
}

const isOlder = (run, other) =>
  run.created_at < other.created_at || (run.created_at === other.created_at && run.id < other.id);

/** Bring the cells of a row up to date, unless they say all that already; return it. */
function fillRow(row, run) {
  const text = JSON.stringify(run);
  if (row.flux === text) return row;
  row.flux = text;
  const cells = {
    state: badge(run.status),
    workflow: run.workflow,
    when: moment(run.created_at),
    took: took(run),
    stands: stands(run),
  };
  for (const [name, content] of Object.entries(cells)) row.querySelector(`.${name}`).replaceChildren(...[content].flat().filter(Boolean).flatMap((part) => [part, " "]));
  return row;
}

/** Where a run stands, in a line. */
function stands(run) {
  const tries = run.attempts > 1 ? ` · ${run.attempts} tries` : "";
  const step = run.step && h("span.step-name", run.step + tries);
  if (run.error && run.status !== "completed") return [step, h("span.message", { title: run.error.message }, errorLine(run.error))];
  if (run.status === "running") return [run.step && h("span.note", "last saved"), step];
  if (run.status !== "suspended") return [step];
  if (run.waits_for) return [run.waits_for !== run.step && step, h("span", `waits for ${run.waits_for}`), run.waits_until && h("span", "until ", moment(run.waits_until))];
  return [step, run.waits_until && h("span", isOverdue(run.waits_until) ? "was to go on at " : "goes on at ", moment(run.waits_until))];
}

// One run.

class RunView {
  constructor(parameters, signal, id) {
    Object.assign(this, { id, signal, run: null, nodes: [], drawn: new Map(), open: new Set(), parts: {} });
    this.update(parameters);
  }

  async start() {
    title(this.id);
    lastRun = this.id;
    try {
      await this.load();
    } catch (error) {
      if (![400, 404].includes(error.status)) throw error;
      return this.missing("There is no such run", `${error.message}. It may have been deleted, or its store is another one.`);
    }
    if (this.arriving) main.querySelector("h1").focus();
    this.named = this.nameNodes().catch(quiet);
    addEventListener("resize", () => this.drawTimeline(), { signal: this.signal });
    return Promise.race([this.follow(), this.keepTime()]);
  }

  update(parameters) {
    const at = parameters.get("at");
    this.at = /^\d+$/.test(at ?? "") ? Number(at) : null;
    if (this.run) this.render();
    if (parameters.get("step")) this.reveal(`step:${parameters.get("step")}`);
  }

  /** Get the run as it stands, with the ETag that says of which state an act is meant. */
  async load() {
    const response = await request(runPath(this.id), { signal: this.signal });
    this.match = response.headers.get("ETag");
    this.take(await response.json());
    return this;
  }

  /** Show the run, unless a newer one is shown. One that was deleted and made anew is another. */
  take(run) {
    const old = this.run;
    const isNew = old && run.created_at !== old.created_at;
    if (old && (isNew ? run.created_at < old.created_at : run.revision < old.revision)) return;
    this.run = run;
    if (isNew) return again();
    if (!old) this.begin(run);
    this.render();
  }

  /** See the run change. The server says so as it happens; a stream that ends is asked for again. */
  follow() {
    return repeat(async () => {
      const headers = { "Last-Event-ID": `${this.run.revision}-${this.run.created_at}` }; // as the server counts them
      const response = await request(`events?run=${enc(this.id)}`, { headers, signal: this.signal }).catch((error) => {
        if (error.status !== 404) throw error;
        this.gone();
      });
      if (!response) return;
      for await (const { event, data } of messages(response)) this.heard(event, data);
    }, () => (hasEnded(this.run) ? 2 : 1), this.signal);
  }

  heard(event, data) {
    if (event === "run") this.take(JSON.parse(data));
    else if (event === "gone") this.gone();
    else if (event === "trouble") trouble(new Problem(503, JSON.parse(data)));
    else recovered(); // an end, or a comment: the store has answered
  }

  gone() {
    this.missing("This run is gone", `${this.id} was deleted while it was shown here.`);
    this.stop();
  }

  missing(what, text) {
    showNothing(what, text, link(backToRuns, "Back to the runs"));
    main.querySelector("h1").focus();
  }

  /** What the first look at a run opens: the step that people come for. */
  begin(run) {
    const last = (status) => run.history.findLast((step) => step.status === status);
    const step = this.at === null ? last("failed") ?? last("suspended") : run.history[this.at - 1];
    if (step) this.open.add(`step:${step.name}`);
    for (const { name, status } of run.compensations) if (status === "failed") this.open.add(`undo:${name}`);
    this.draw();
  }

  /** The nodes of the definition, for what was not reached yet; without a definition there is only the history. */
  async nameNodes() {
    const { workflows } = await json("workflows", { signal: this.signal });
    const nodes = workflows.find(({ name, version }) => name === this.run.workflow && version === this.run.version)?.nodes ?? [];
    const same = this.run.history.every(({ name }, index) => nodes[index]?.name === name);
    this.nodes = same ? nodes : [];
    this.render();
  }

  // The page.

  draw() {
    const part = (name, element = "div") => (this.parts[name] = h(element));
    this.whole = h("pre.value.whole", { tabindex: "0", role: "group", "aria-label": "The whole run as JSON" });
    main.replaceChildren(
      part("head", "header.head"),
      h("section.next", { "aria-label": "What can be done" }, part("told", "div.told"), part("acts", "div.acts")),
      this.traveller(),
      h("div.panes",
        pane("path", "Path", part("graph", "div.picture")),
        h("div.column",
          pane("time", "Timeline", part("timeline", "div.picture")),
          pane("steps", "Steps", part("steps", "ol.steps"), h("h3", "Compensations"), part("undone", "ol.steps")),
          pane("data", "Data", part("data")))),
      pane("related", "Related runs", part("related")),
      pane("document", "Document", h("details", { ontoggle: () => this.drawWhole() },
        h("summary", "The whole run as JSON"), button("Copy", () => copy(this.text, "The document is copied.")), this.whole)));
    for (const name of ["graph", "timeline"]) {
      this[name] = new Picture(this.parts[name], this.signal, (key) => bring(this.reveal(key)?.firstChild), () => this.markOpen());
    }
    main.addEventListener("toggle", (event) => this.toggled(event.target), { capture: true, signal: this.signal });
  }

  render() {
    const { run } = this;
    title(`${run.id} · ${word(run.status)}`);
    this.part("head", [run.id, run.status, run.updated_at, run.held_until, run.inbox], () => this.head());
    this.drawOutlook();
    this.part("acts", [run.status, run.waits_for, run.error?.code, mayAct()], () => this.acts());
    this.moveTraveller();
    this.drawSteps();
    const data = this.at === null ? run.data : this.dataBefore(this.step);
    this.part("data", [this.at, data], () => this.data(data));
    this.part("related", run.tags, () => this.related());
    this.drawWhole();
    this.drawPictures();
  }

  /** Draw a part of the page anew if what it tells has changed. */
  part(name, facts, draw) {
    const text = JSON.stringify(facts);
    if (this.drawn.get(name) === text) return;
    this.drawn.set(name, text);
    keepFocus(this.parts[name], () => this.parts[name].replaceChildren(...draw().flat().filter(Boolean)));
  }

  /** How many nodes of the history are passed in what is shown. */
  get step() {
    return this.at === null ? this.run.history.length : Math.min(this.at, this.run.history.length);
  }

  /** The last of them. */
  get passed() {
    return this.run.history[this.step - 1];
  }

  drawPictures() {
    const { offset } = this.graph.reader;
    this.graph.show(`${runPath(this.id)}/graph`, this.at === null ? { offset } : { offset, step: this.step });
    this.drawTimeline();
    this.markOpen();
  }

  drawTimeline() {
    return this.timeline.show(`${runPath(this.id)}/timeline`, this.timeline.reader);
  }

  drawOutlook() {
    const { error, compensations } = this.run;
    const undoing = compensations.find((step) => step.status === "failed");
    const told = h("p.outlook", outlook(this.run));
    this.part("told", [error, undoing, told.textContent], () =>
      [error && errorBlock(error), undoing && errorBlock(undoing.error, `Undoing ${undoing.name} failed with`), told]);
  }

  /** The timeline of a run that is under way grows although nothing is saved, and what was to come may be overdue. */
  keepTime() {
    return repeat(async () => hasEnded(this.run) || (this.drawOutlook(), this.drawTimeline()), () => 2, this.signal);
  }

  head() {
    const { run } = this;
    const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(run.traceparent ?? "")?.[1];
    return [
      crumbs(link(backToRuns, "Runs"), h("span", { "aria-hidden": "true" }, "/"), link(`#/workflows/${enc(run.workflow)}`, run.workflow)),
      h("div.name", heading(run.id), badge(run.status)),
      h("dl.facts",
        fact("Started", moment(run.created_at)), fact(hasEnded(run) ? "Took" : "So far", took(run)),
        fact("Last saved", moment(run.updated_at)), fact("Version", run.version),
        fact("Must end by", !hasEnded(run) && moment(run.expires_at)),
        fact("Held by a worker until", moment(run.held_until)),
        fact("Interrupted", run.interruptions > 0 && `${run.interruptions} in a row`),
        fact("Trace id", trace && h("code", trace)),
        fact("Inbox", run.inbox.length > 0 && list(run.inbox)),
        fact("Tags", ...run.tags.map((tag) => h("a.tag", { href: address("", { tag }) }, tag)))),
    ];
  }

  /** What can be done; these stay as they are while a run goes on, so that a press of one is not lost. */
  acts() {
    const { run } = this;
    const first = suggested(run);
    if (!mayAct()) return [note(whyReadOnly())];
    return ACTS.filter(({ fits }) => fits(run)).map(({ verb, dialog }) =>
      button(`${verb}…`, () => dialog(this).catch(tell), { class: verb === first ? "primary" : "", "data-key": verb }));
  }

  // Time travel.

  traveller() {
    this.slider = h("input", { type: "range", min: "0", step: "1", id: "as-of", oninput: () => this.travel(Number(this.slider.value)) });
    this.where = h("output", { for: "as-of" });
    this.back = button("‹", () => this.travel(this.step - 1), { "aria-label": "One step back", title: "One step back ([)" });
    this.ahead = button("›", () => this.travel(this.step + 1), { "aria-label": "One step ahead", title: "One step ahead (])" });
    this.present = button("As it stands", () => this.travel(null), { class: "quiet" });
    return h("section.travel", { "aria-label": "Time travel" },
      h("label", { for: "as-of" }, "As of"), this.back, this.slider, this.ahead, this.where, this.present);
  }

  /** Show the run as of a step; the address says so. */
  travel(step) {
    const last = this.run.history.length;
    this.at = step === null || step >= last ? null : Math.max(0, step);
    history.replaceState(null, "", `#/${runPath(this.id)}${this.at === null ? "" : `?at=${this.at}`}`);
    this.render();
    if (this.at !== null && this.passed) this.reveal(`step:${this.passed.name}`);
  }

  moveTraveller() {
    const { run: { history: steps }, passed } = this;
    const text = this.at === null ? `now: ${plural(steps.length, "step")} in` : passed ? `after ${passed.name}, step ${this.step} of ${steps.length}` : "before the first step";
    this.slider.max = steps.length;
    this.slider.value = this.step;
    this.slider.setAttribute("aria-valuetext", text);
    this.where.textContent = text;
    this.back.disabled = this.step === 0;
    this.ahead.disabled = this.step === steps.length;
    this.present.hidden = this.at === null;
    main.classList.toggle("is-past", this.at !== null);
  }

  /** Data as it was before a step of the history. */
  dataBefore(step) {
    return Object.assign({ ...this.run.initial }, ...this.run.history.slice(0, step).map(({ changes }) => changes));
  }

  // Steps.

  drawSteps() {
    const { run, parts } = this;
    const left = run.status === "completed" ? [] : this.nodes.slice(run.history.length);
    const inHand = run.status === "running" && run.history.every((step) => step.completed_at);
    const ahead = left.map(({ name, kind }, index) => h("li.ahead",
      stepLine({ name, kind, status: inHand && index === 0 ? "running" : "not_reached" })));
    keepFocus(main, () => {
      place(parts.steps, [...run.history.map((step, index) => this.stepBlock(step, index, `step:${step.name}`)), ...ahead]);
      place(parts.undone, run.compensations.map((step) => this.stepBlock(step, null, `undo:${step.name}`)));
    });
  }

  /** The line of a step, and below it all that is known of it; one that has not changed stays as somebody reads it. */
  stepBlock(step, index, key) {
    const { run } = this;
    const later = index !== null && index >= this.step;
    const failed = step.status === "compensating" && run.status === "compensation_failed";
    const status = later ? "not_reached" : failed ? run.status : step.status;
    const text = JSON.stringify([step, status]);
    let block = this.drawn.get(key);
    if (block?.flux !== text) {
      block = h("li", { class: later ? "ahead" : "" }, h("details", { "data-of": key },
        h("summary.bar", { "data-key": `line ${key}` }, stepLine({ ...step, status }))));
      block.flux = text;
      this.drawn.set(key, block);
      block.firstChild.open = this.open.has(key) && !later;
      this.fillStep(block.firstChild);
    }
    return block;
  }

  /** Open the line of a step, if there is one. */
  reveal(key) {
    this.open.add(key);
    const details = this.drawn.get(key)?.firstChild;
    if (details) details.open = true;
    return details;
  }

  stepBody(step, index) {
    const { run } = this;
    const place = index === null ? "compensations" : "history";
    const bytes = (name) => run.shortened?.[`${place}.${step.name}.${name}`];
    const before = index === null ? null : this.dataBefore(index);
    const sub = (heading, ...content) => [h("h3", heading), content];
    return h("div.step-body",
      note(step.started_at && ["began ", moment(step.started_at)], step.completed_at && [" · ended ", moment(step.completed_at)]),
      step.error && errorBlock(step.error, step.status !== "failed" && "An attempt failed with"),
      step.tries?.length > (step.status === "failed") && sub("Failed tries", triesTable(step.tries)),
      before && sub("Changed in data", diffBlock(before, { ...before, ...step.changes }), cutNote(run, `history.${step.name}.changes.`)),
      step.output !== null && sub("Output", valueBlock(step.output, `Output of ${step.name}`, bytes("output"))),
      before && h("details.given", h("summary", "What it was given"),
        sub("Input of the run", valueBlock(run.input, "Input of the run", run.shortened?.input)),
        sub("Data before it", valueBlock(before, `Data before ${step.name}`))));
  }

  toggled(details) {
    const key = details.dataset.of;
    if (!key) return;
    this.open[details.open ? "add" : "delete"](key);
    this.fillStep(details);
    this.markOpen();
  }

  /** What is below the line of a step is made when it is opened. */
  fillStep(details) {
    if (!details.open || details.childElementCount > 1) return;
    const { history: steps, compensations } = this.run;
    const [kind, name] = details.dataset.of.split(/:(.*)/s);
    const index = kind === "step" ? steps.findIndex((step) => step.name === name) : null;
    details.append(this.stepBody(index === null ? compensations.find((step) => step.name === name) : steps[index], index));
  }

  markOpen() {
    for (const node of main.querySelectorAll(".picture [data-key]")) node.classList.toggle("is-selected", this.open.has(node.dataset.key));
  }

  data(data) {
    const { run, passed } = this;
    const heading = this.at === null ? "As it stands" : passed ? `After ${passed.name}` : "Before the first step";
    return [h("div.two",
      h("div", h("h3", heading), valueBlock(data, "Data"), cutNote(run, "data.")),
      h("div", h("h3", "Input"), valueBlock(run.input, "Input", run.shortened?.input)))];
  }

  /** Runs that have a tag of this one. */
  related() {
    const { tags } = this.run;
    if (!tags.length) return [note("Runs that share a tag are listed here. This one has none.")];
    return tags.slice(0, 5).map((tag) => {
      const place = h("ul.related", h("li.note", "…"));
      this.fillRelated(tag, place).catch(quiet);
      return h("div", h("h3", "Tag ", link(address("", { tag }), tag)), place);
    });
  }

  async fillRelated(tag, place) {
    const { runs } = await json(`runs?${new URLSearchParams({ tag, limit: 8 })}`, { signal: this.signal });
    const others = runs.filter((run) => run.id !== this.id);
    place.replaceChildren(...others.map((run) => h("li", badge(run.status), runLink(run.id),
      h("span.note", run.workflow, " · ", moment(run.created_at)))));
    if (!others.length) place.append(h("li.note", "No other run has it."));
  }

  get text() {
    return JSON.stringify(this.run, null, 2);
  }

  /** The whole run, which may be long, is drawn only while somebody reads it. */
  drawWhole() {
    if (this.whole.parentNode.open && this.whole.textContent !== this.text) this.whole.textContent = this.text;
  }

  key(name) {
    const lines = [...this.parts.steps?.querySelectorAll("summary[data-key]") ?? []];
    const at = lines.indexOf(document.activeElement.closest("li")?.querySelector("summary[data-key]"));
    const step = { j: 1, k: -1 }[name];
    if (step) focusOn(lines, at + step);
    else if (name === "[" && this.step > 0) this.travel(this.step - 1);
    else if (name === "]") this.travel(this.step + 1);
    else if (name === "u") location.hash = backToRuns;
    else return false;
    return true;
  }
}

function stepLine({ name, kind, status, attempts, started_at: began, completed_at: ended }) {
  const spent = began && status !== "skipped" && status !== "not_reached" && (ended ? duration(seconds(began, ended)) : ticking(began));
  return h(`span.line.${statusClass(status)}`, mark(status), h("span.step-name", name), h("span.kind", kind),
    h("span.status-word", word(status)), h("span.tries", attempts > 1 && `${attempts} tries`), h("span.took", spent));
}

function errorBlock(error, heading) {
  return h("div.error",
    h("p", heading && h("span.note", heading, " "), h("strong", error.type), h("span.code", error.code)),
    h("p.message", error.message),
    error.cause && h("p.cause", h("span.note", "caused by "), error.cause));
}

const triesTable = (tries) => h("table.tries",
  columns(["Began", "Took", "Failed with"]),
  h("tbody", tries.map(({ started_at: began, ended_at: ended, error }) => h("tr",
    h("td", moment(began)), h("td", duration(seconds(began, ended))),
    h("td", errorLine(error), error.cause && h("span.note", ` ← ${error.cause}`))))));

/** What is to come of a run, and what it waits for, in a sentence. */
function outlook(run) {
  const until = (time) => (time ? [" until ", moment(time)] : []);
  if (run.held_until && secondsSince(run.held_until) > 0) return ["Its worker was lost: it held the run", until(run.held_until), ". The next tick goes on."];
  if (run.held_until) return ["A worker holds the run", until(run.held_until), ". If that worker is lost, another goes on."];
  if (!hasEnded(run) && run.status !== "paused" && run.wake_at && isOverdue(run.wake_at)) {
    return ["It was to go on at ", moment(run.wake_at), ", and nothing has come of it. Does anything tick here?"];
  }
  if (run.status === "suspended" && run.waits_for) {
    if (run.inbox.includes(`signal ${run.waits_for}`)) return ["The signal has come; the next tick goes on."];
    return ["It waits for the signal ", h("strong", run.waits_for), until(run.waits_until), "."];
  }
  if (isInterrupted(run)) return [`Nobody knows whether ${openStep(run)} happened. Find out: if it did, resolve it; if it did not, retry.`];
  if (run.error?.code === "CRASH_LOOP") return ["Its workers died again and again at the same place. Find out what ends them (memory, a time limit), then retry."];
  if (run.error?.code === "DEFINITION_CHANGED") return ["The workflow was changed so that this run does not fit it. Deploy the old version beside the new one, then retry."];
  const due = run.wake_at ? ["It goes on at ", moment(run.wake_at), "."] : [];
  return {
    pending: ["It begins with the next tick."],
    running: ["A worker has it in hand."],
    suspended: due,
    rolling_back: due.length ? due : ["What completed is being undone."],
    paused: ["It stands still until somebody resumes it."],
    failed: due.length ? due : ["Once the cause is gone, retry it: completed commits are kept."],
    compensation_failed: ["Its rollback failed. Once the cause is gone, resume."],
    completed: ["It has ended well."],
    cancelled: ["It was cancelled, for good."],
    rolled_back: ["It failed or was cancelled, and what it had done was undone."],
  }[run.status] ?? [];
}

function whyReadOnly() {
  if (!about.acts) return "Read only: there is no app here that could act. Start it with flux serve.";
  return about.role === "read" ? "Read only: your token has the role read. Acting needs one of the role operate." : "Read only.";
}

// Workflows.

class WorkflowsView {
  constructor(parameters, signal) {
    this.signal = signal;
  }

  start() {
    title("Workflows");
    const body = h("tbody");
    const none = h("p.said", { role: "status" });
    main.replaceChildren(heading("Workflows"), none, h("table.workflows", columns(["Workflow", "Version", "Steps"]), body));
    const latest = watched();
    return repeat(async () => {
      const { workflows } = await latest("workflows", this.signal) ?? {};
      if (!workflows) return;
      keepFocus(body, () => body.replaceChildren(...workflows.map(workflowRow)));
      none.textContent = workflows.length ? "" : "No workflow is known here yet.";
    }, () => 10, this.signal);
  }
}

function workflowRow({ name, version, nodes, observed }) {
  return h("tr", h("td", h("a", { href: `#/workflows/${enc(name)}`, "data-key": `${name} ${version}` }, name),
    observed && h("span.note", " seen in runs; its definition is not here")),
    h("td", version), h("td.names", nodes.map((node) => h(`span.node.${node.kind}`, node.name))));
}

class WorkflowView {
  constructor(parameters, signal, name) {
    Object.assign(this, { name, signal, latest: watched() });
    this.update(parameters);
  }

  update(parameters) {
    this.last = parameters.get("last") ?? "200";
    if (this.body) this.refresh().catch(quiet);
  }

  start() {
    title(this.name);
    const choice = h("select", { onchange: () => {
      location.hash = `#/workflows/${enc(this.name)}?last=${choice.value}`;
    } }, ["50", "200", "1000"].map((value) => h("option", { value, selected: value === this.last }, `last ${value} runs`)));
    this.graphic = h("div.picture");
    this.body = h("div");
    main.replaceChildren(
      crumbs(link("#/workflows", "Workflows")),
      h("div.name", heading(this.name), h("label.inline", "Over the", choice)),
      h("div.panes",
        pane("path", "Definition", this.graphic),
        h("div.column", this.body)));
    this.graph = new Picture(this.graphic, this.signal, (key) => bring(this.body.querySelector(`[data-key="${CSS.escape(key)}"]`)));
    return repeat(() => this.refresh(), () => 10, this.signal);
  }

  async refresh() {
    const name = enc(this.name);
    const told = await this.latest(`workflows/${name}?last=${enc(this.last)}`, this.signal);
    await this.graph.show(`workflows/${name}/graph`);
    if (told) keepFocus(this.body, () => this.body.replaceChildren(...this.statistics(told)));
  }

  statistics({ statistics: { runs, since, statuses, success_rate: rate, steps }, version, timeout, observed }) {
    const filtered = (status) => address("", { workflow: this.name, ...(status && { status }) });
    return [
      observed && note("Its definition is not here: this is what its runs show."),
      h("dl.facts.big",
        fact("Succeeded", rate === null ? "no run has ended" : `${(rate * 100).toFixed(rate === 1 ? 0 : 1)} %`),
        fact("Runs", link(filtered(), digits(runs))), fact("Since", moment(since)),
        fact("Version", version), fact("Time limit", duration(timeout))),
      h("p.counts", STATUSES.filter((status) => statuses[status]).map((status) =>
        link(filtered(status), badge(status, h("span.count", digits(statuses[status])))))),
      pane("steps", "Steps", stepsTable(steps)),
    ].filter(Boolean);
  }
}

function stepsTable(steps) {
  const slowest = Math.max(...steps.map(({ p95 }) => p95 ?? 0));
  const number = (value, write = digits) => h("td.number", value ? write(value) : "–");
  const heads = ["Step", "Kind", "Reached", "Completed", "Failed", "Skipped", "Tries", "p50", "p95", ""];
  return h("div.wide", { tabindex: "0", role: "group", "aria-labelledby": "h-steps" }, h("table.statistics",
    columns(heads), h("tbody", steps.map((step) => h("tr", { "data-key": `step:${step.name}`, tabindex: "-1" },
      h("th", { scope: "row" }, step.name), h("td.kind", step.kind), number(step.reached), number(step.completed),
      h(`td.number.${step.failed ? "bad" : "none"}`, step.failed ? digits(step.failed) : "–"), number(step.skipped),
      number(step.tries, (tries) => tries.toFixed(2)), number(step.p50, duration), number(step.p95, duration), h("td", step.p95 && h("progress", { max: slowest, value: step.p95, "aria-hidden": "true" })))))));
}

// Keys, theme, addresses.

const KEYS = [
  ["/", "find a run by its id"], ["j k ↓ ↑", "next and previous run, or step"], ["Enter", "open it"],
  ["x", "choose the run for an act on many"], ["[ ]", "one step back or ahead in time"], ["u", "back to the runs"],
  ["r w", "runs, workflows"], ["t", "theme"], ["?", "this list"], ["Esc", "close a dialog, leave a field"],
];
const keysAreOn = () => localStorage.getItem("flux-keys") !== "off";

function showKeys() {
  const on = h("input", { type: "checkbox", checked: keysAreOn(), onchange: () => localStorage.setItem("flux-keys", on.checked ? "on" : "off") });
  return ask({
    title: "Keys",
    close: "Close",
    content: [
      h("dl.keys", KEYS.map(([keys, text]) => h("div", h("dt", keys.split(" ").map((key) => h("kbd", key))), h("dd", text)))),
      h("label.inline", on, "Keys of one letter do something"),
    ],
  });
}

addEventListener("keydown", (event) => {
  const field = event.target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea");
  if (event.key === "Escape" && field && !field.closest("dialog")) field.blur();
  if (field || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog") || !keysAreOn()) return;
  if (view?.key?.(event.key) || everywhere(event.key)) event.preventDefault();
});

function everywhere(key) {
  if (key === "?") showKeys();
  else if (key === "t") nextTheme();
  else if (key === "r") location.hash = "#/";
  else if (key === "w") location.hash = "#/workflows";
  else return false;
  return true;
}

const THEMES = ["system", "light", "dark"];
const theme = () => localStorage.getItem("flux-theme") ?? "system";

function showTheme() {
  document.documentElement.dataset.theme = theme();
  document.getElementById("theme").textContent = `Theme: ${theme()}`;
}

function nextTheme() {
  localStorage.setItem("flux-theme", THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  showTheme();
}

const title = (text) => (document.title = `${text} · Flux`);

const ROUTES = [
  [/^\/?$/, RunsView, "runs"],
  [/^\/runs\/([^/]+)$/, RunView, "runs"],
  [/^\/workflows$/, WorkflowsView, "workflows"],
  [/^\/workflows\/([^/]+)$/, WorkflowView, "workflows"],
];
let view = null;
let shownPath = null;
let leave = new AbortController();

/** Show what the address names. The parts of an address are percent-encoded, as those of the server are. */
function route() {
  if (location.hash && !location.hash.startsWith("#/")) return; // the skip link
  const [path, query] = location.hash.slice(1).split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  if (path === shownPath && view?.update) return view.update(parameters);
  const arriving = shownPath !== null;
  const [pattern, View, name] = ROUTES.find(([each]) => each.test(path)) ?? ROUTES[0];
  leave.abort();
  leave = new AbortController();
  shownPath = path;
  main.className = "";
  main.replaceChildren();
  for (const each of document.querySelectorAll("[data-view]")) each.ariaCurrent = each.dataset.view === name ? "page" : null;
  run(View, parameters, decode(pattern.exec(path)?.[1] ?? ""), arriving);
}

/** Show it from the begin. */
function again() {
  shownPath = null;
  route();
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function run(View, parameters, name, arriving) {
  const controller = leave;
  try {
    view = new View(parameters, controller.signal, name);
    Object.assign(view, { arriving, stop: () => controller.abort() });
    const going = view.start();
    if (arriving) main.querySelector("h1")?.focus();
    await going;
  } catch (error) {
    if (controller.signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    controller.abort();
    fail(error);
  }
}

function showNothing(what, text, next) {
  title(what);
  main.replaceChildren(h("div.empty", { role: "alert" }, heading(what), h("p", text), next));
}

/** A view that cannot be shown says why. */
function fail(error) {
  const what = error.status === 401 ? "A token is needed" : error.status === 403 ? "This is not allowed" : "This cannot be shown";
  showNothing(what, error.message, button("Try again", again, { class: "primary" }));
  if (error.passes) setTimeout(() => main.querySelector(".empty") && again(), 3000);
}

/** Learn what this server is, and what one may do here. */
async function introduce() {
  try {
    const token = sessionStorage.getItem(TOKEN);
    const response = await send("viewer/about", token);
    if (response.ok) Object.assign(about, await response.json());
  } catch (error) {
    trouble(error);
  }
  const source = document.getElementById("source");
  const read = about.progress < 1 && `${Math.floor(about.progress * 100)} % read`;
  source.textContent = [about.source, read, about.note].filter(Boolean).join(" · ");
  if (read || about.note !== undefined) setTimeout(introduce, read ? 1000 : 10_000); // a trace file may grow or go
  source.title = about.version ? `Flux ${about.version}` : "";
}

showTheme();
document.getElementById("theme").addEventListener("click", nextTheme);
document.getElementById("keys").addEventListener("click", showKeys);
document.getElementById("skip").addEventListener("click", (event) => (event.preventDefault(), main.focus()));
addEventListener("hashchange", route);
await introduce();
route();
