// Keeps a page fresh: on every "change" from the server the page is fetched again, and each part marked data-live is
// replaced by its new version, unless somebody is typing or has something selected in it.
const PAUSE_MS = 1500;
const state = document.getElementById("live-state");
let stale = false;
let busy = false;
let last = 0;

function held(part) {
  const active = document.activeElement;
  if (active && active !== document.body && part.contains(active) && active.matches("input, textarea, select, button")) return true;
  for (const field of part.querySelectorAll("input:not([type=hidden]), textarea")) if (field.value !== field.defaultValue) return true;
  const selection = document.getSelection();
  return Boolean(selection && !selection.isCollapsed && part.contains(selection.anchorNode));
}

function opened(part) {
  return [...part.querySelectorAll("details")].map((d) => d.open);
}

async function refresh() {
  if (busy || document.hidden) return;
  const wait = PAUSE_MS - (Date.now() - last);
  if (wait > 0) { setTimeout(refresh, wait); return; }
  busy = true;
  stale = false;
  last = Date.now();
  try {
    const answer = await fetch(location.href, { credentials: "same-origin", headers: { "X-Live": "1" } });
    if (!answer.ok) return;
    if (answer.redirected && new URL(answer.url).pathname === "/login") { location.reload(); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (!next || part.innerHTML === next.innerHTML || held(part)) continue;
      const was = opened(part);
      part.replaceChildren(...next.childNodes);
      const now = part.querySelectorAll("details");
      if (now.length === was.length) now.forEach((d, i) => { d.open = was[i]; });
    }
    const bubble = fresh.getElementById("nav");
    const nav = document.getElementById("nav");
    if (bubble && nav && !nav.contains(document.activeElement) && nav.innerHTML !== bubble.innerHTML) nav.replaceChildren(...bubble.childNodes);
  } catch {
    // The network or the console is away; the stream says so and comes back by itself.
  } finally {
    busy = false;
    if (stale) refresh();
  }
}

function changed() { stale = true; refresh(); }

if (document.querySelector("[data-live]")) {
  const source = new EventSource("/live");
  const say = (text, up) => { state.hidden = false; state.textContent = text; state.classList.toggle("off", !up); };
  source.addEventListener("ready", () => say("live", true));
  source.addEventListener("change", changed);
  source.addEventListener("error", () => say("not live", false));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && stale) refresh(); });
  addEventListener("pagehide", () => source.close());
}
