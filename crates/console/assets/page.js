// Small comforts; every page works without them.
const UNITS = [[129600, 86400, "d"], [5400, 3600, "h"], [90, 60, "min"], [0, 1, "s"]];

function relative(at, now) {
  const past = (now - at) / 1000;
  if (Math.abs(past) < 5) return "just now";
  const [, size, unit] = UNITS.find(([from]) => Math.abs(past) >= from);
  const text = `${Math.floor(Math.abs(past) / size)} ${unit}`;
  return past > 0 ? `${text} ago` : `in ${text}`;
}

// The server's clock made the page; the difference to the browser's is kept out of what is shown.
const made = document.querySelector("footer time");
const skew = made ? Date.parse(made.dateTime) - Date.now() : 0;
setInterval(() => {
  for (const time of document.querySelectorAll("time")) {
    const text = relative(Date.parse(time.dateTime), Date.now() + skew);
    if (time.textContent !== text) time.textContent = text;
  }
}, 15000);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
  }
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });
