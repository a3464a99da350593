// The player: where its audio comes from, its buttons and keys, and what is shown at each moment.
const OFFSET = 0.5;  // A player that is set to a word's start may stand a hair before it.
const save = element("a", { className: "file" }, data.audio.kind.toUpperCase());

function position() {
  return audio.currentTime * 1000 + OFFSET;
}

function seek(ms) {
  audio.currentTime = Math.max(0, Math.min(ms, data.duration)) / 1000;
  show();
  setFollowing(true);
}

function jump(word) {
  seek(words[word][START]);
}

function listen(word) {
  jump(word);
  play();
}

function play() {
  if (!at("play").disabled) audio.play().catch(() => {});
}

function toggle() {
  if (audio.paused) play(); else audio.pause();
}

function stepWord(by) {
  if (words.length) jump(Math.max(0, Math.min(words.length - 1, begun(words, position(), START) - 1 + by)));
}

function stepCue(by) {
  const cue = cues[Math.max(0, Math.min(cues.length - 1, begun(cues, position(), 0) - 1 + by))];
  if (cue) seek(cue[0]);
}

let second = -1;

function show() {
  const now = position();
  light(wordAt(now));
  drawWhole(now);
  drawWave(now);
  if (Math.floor(now / 1000) === second) return;
  second = Math.floor(now / 1000);
  at("now").textContent = clock(now);
  whole.setAttribute("aria-valuenow", second);
  whole.setAttribute("aria-valuetext", clock(now) + " of " + clock(data.duration));
}

let running = false;

function run() {
  show();
  if (running || audio.paused) return;
  running = true;
  requestAnimationFrame(() => { running = false; run(); });
}

function fit() {
  measure();
  show();
}

function state() {
  at("play").classList.toggle("playing", !audio.paused);
  at("play").setAttribute("aria-label", audio.paused ? "Play" : "Pause");
  if (!audio.paused) setFollowing(true);
  run();
}

// Where a recording that is too long to be in the page may be: where the link to the page says, beside the page under
// its name, where it was stored. The page's policy allows only its own origin.
function places() {
  const told = location.protocol.startsWith("http") && new URLSearchParams(location.hash.slice(1)).get("audio");
  const own = location.pathname.replace(/[^/]*$/, (name) => name.replace(/\.html?$/, "") + "." + data.audio.kind);
  return [told, own, data.audio.beside].filter(Boolean).map((place) => new URL(place, location.href.split("#")[0]).href);
}

function plays(url) {
  return new Promise((done) => {
    audio.onloadedmetadata = () => done(true);
    audio.onerror = () => done(false);
    audio.src = url;
  });
}

async function load() {
  if (data.audio.data) {
    const blob = await file(data.audio.data, data.audio.type);
    save.append(element("small", {}, size(blob.size)));
    return found(URL.createObjectURL(blob));
  }
  for (const place of new Set(places())) if (await plays(place)) return found(place);
  missing();
}

function found(url) {
  Object.assign(save, { href: url, download: data.audio.name });
  save.hidden = false;
  if (audio.src !== url) audio.src = url;
  audio.onerror = missing;
  at("missing").hidden = true;
  at("play").disabled = false;
}

function missing() {
  const chooser = element("input", { type: "file", accept: "audio/*,video/*" });
  chooser.addEventListener("change", () => { if (chooser.files[0]) found(URL.createObjectURL(chooser.files[0])); });
  const beside = decodeURIComponent(places()[0].split("?")[0].split("/").pop());
  at("missing").replaceChildren(
    "The recording could not be reached. Put it beside this page as " + beside + " and load the page again, or ",
    element("label", { className: "choose" }, "choose the file", chooser),
  );
  at("missing").hidden = false;
  at("play").disabled = true;
}

// The files were compressed; each is unpacked when somebody wants it.
function download(entry) {
  const link = element("a", { className: "file", href: "#", download: entry.name }, entry.kind.toUpperCase(), element("small", {}, size(entry.size)));
  link.addEventListener("click", async (event) => {
    if (link.href.startsWith("blob:")) return;
    event.preventDefault();
    const packed = await file(entry.data, "");
    const unpacked = await new Response(packed.stream().pipeThrough(new DecompressionStream("deflate"))).blob();
    link.href = URL.createObjectURL(new Blob([unpacked], { type: entry.type }));
    link.click();
  });
  return link;
}

document.addEventListener("keydown", (event) => {
  const name = event.target.tagName;
  if (["PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown"].includes(event.key)) readerScrolls();
  if (event.ctrlKey || event.altKey || event.metaKey || name === "SELECT" || name === "INPUT") return;
  if (event.key === " " && name !== "BUTTON" && name !== "A") toggle();
  else if (event.key === "ArrowRight") (event.shiftKey ? stepCue : stepWord)(1);
  else if (event.key === "ArrowLeft") (event.shiftKey ? stepCue : stepWord)(-1);
  else return;
  event.preventDefault();
});

at("play").addEventListener("click", toggle);
at("back").addEventListener("click", () => seek(position() - 10_000));
at("forward").addEventListener("click", () => seek(position() + 10_000));
at("speed").addEventListener("change", () => { audio.playbackRate = Number(at("speed").value); });
audio.addEventListener("loadedmetadata", () => { audio.playbackRate = Number(at("speed").value); });
for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, state);
for (const name of ["seeked", "timeupdate", "loadedmetadata"]) audio.addEventListener(name, run);
dark.addEventListener("change", () => { colours(); show(); });
new ResizeObserver(fit).observe(whole);

build();
notes();
save.hidden = true;
at("files").append(save, ...data.downloads.map(download));
at("total").textContent = clock(data.duration);
whole.setAttribute("aria-valuemax", Math.floor(data.duration / 1000));
at("whence").textContent = data.audio.data
  ? "Everything is in this file; nothing is loaded from elsewhere."
  : "The recording lies beside this page; nothing else is loaded.";
colours();
fit();
load();
