// The page of a book: chapters whose sentences play, and the commands by which a chunk is said again.
const KIND = 0, LEVEL = 1, CONTINUES = 2, LANGUAGE = 3, PIECES = 4;
const ID = 0, NUMBER = 1, SEED = 2, SCORE = 3, VERSIONS = 4;
const MOST_DOUBTS = 200;
const OFFSET = 0.5;  // A player that is set to a sentence's start may stand a hair before it.
const units = [];    // Every sentence: { chapter, begin, end, chunk, span }.
const firsts = [];   // The number of the first unit of each chapter.
const spoken = new Map();  // The units of each chunk.
let playing = -1, until = null, lit = -1, picked = -1, extra = false;

function build() {
  data.chapters.forEach((chapter, number) => {
    firsts.push(units.length);
    at("chapter").append(element("option", { value: number }, "\u2003".repeat(chapter.level - 1) + chapter.title));
    const place = element("section", {}, element("h2", { className: "title", dir: "auto", id: "chapter-" + number }, chapter.title));
    for (const passage of chapter.passages) place.append(passage[PIECES].length ? block(passage, number) : separator());
    at("script").append(place);
  });
}

function separator() {
  const made = element("div", { className: "scene" }, "•••");
  made.setAttribute("role", "separator");
  return made;
}

function block(passage, chapter) {
  const tag = passage[KIND] === "heading" ? "h" + Math.min(passage[LEVEL] + 2, 6) : passage[KIND] === "quotation" ? "blockquote" : "p";
  const said = element(tag, { className: "said", dir: "auto" }), first = units.length;
  if (passage[LANGUAGE]) said.lang = passage[LANGUAGE];
  for (const [text, begin, end, chunk] of passage[PIECES]) {
    const span = element("span", { className: "unit" }, text);
    span.dataset.unit = units.length;
    if (!spoken.has(chunk)) spoken.set(chunk, []);
    spoken.get(chunk).push(units.length);
    units.push({ chapter, begin, end, chunk, span, text });
    said.append(span);
  }
  const time = element("button", { type: "button", className: "at" }, clock(units[first].begin));
  time.setAttribute("aria-label", "Play from " + clock(units[first].begin));
  time.addEventListener("click", () => listen(first));
  const place = element("div", { className: "block " + passage[KIND] }, time, said);
  if (passage[CONTINUES]) place.classList.add("continues");
  return place;
}

// Playing.
function load(chapter) {
  if (playing === chapter) return Promise.resolve();
  playing = chapter;
  at("chapter").value = chapter;
  at("total").textContent = clock(data.chapters[chapter].length);
  return source(data.chapters[chapter].audio);
}

function source(place) {
  at("missing").hidden = true;
  return new Promise((done, failed) => {
    audio.onloadedmetadata = () => { audio.playbackRate = Number(at("speed").value); done(); };
    audio.onerror = () => { missing(place); failed(); };
    audio.src = new URL(place, location.href.split("#")[0]).href;
  });
}

function missing(place) {
  playing = -1;
  at("missing").textContent = "The recording could not be reached. Put it beside this page as " + place + ".";
  at("missing").hidden = false;
}

async function seek(unit, stop = null) {
  extra = false;
  until = stop;
  try { await load(units[unit].chapter); } catch { return false; }
  audio.currentTime = units[unit].begin / 1000;
  show();
  return true;
}

async function listen(unit, stop = null) {
  pick(unit);
  if (await seek(unit, stop)) audio.play().catch(() => {});
}

function listenChunk(chunk) {
  const own = spoken.get(chunk);
  listen(own[0], units[own[own.length - 1]].end);
}

async function listenFile(place) {
  audio.pause();
  [playing, extra, until] = [-1, true, null];
  light(-1);
  try { await source(place); } catch { return; }
  audio.play().catch(() => {});
}

function toggle() {
  until = null;
  if (audio.paused) { if (playing < 0 && !extra) listen(0); else audio.play().catch(() => {}); } else audio.pause();
}

function step(by) {
  const from = lit >= 0 ? lit : Math.max(picked, 0);
  const unit = Math.max(0, Math.min(units.length - 1, from + by));
  pick(unit);
  seek(unit);
}

function unitAt(ms) {
  if (playing < 0) return -1;
  let low = firsts[playing], high = playing + 1 < firsts.length ? firsts[playing + 1] : units.length;
  const first = low;
  while (low < high) { const middle = (low + high) >> 1; if (units[middle].begin <= ms) low = middle + 1; else high = middle; }
  return low > first && units[low - 1].end > ms ? low - 1 : -1;
}

function show() {
  const now = audio.currentTime * 1000 + OFFSET;
  at("now").textContent = clock(now);
  light(unitAt(now));
  if (until !== null && now >= until && !audio.paused) { until = null; audio.pause(); }
}

function run() {
  show();
  if (!audio.paused) requestAnimationFrame(run);
}

function light(unit) {
  if (unit === lit) return;
  if (lit >= 0) units[lit].span.classList.remove("lit");
  if (unit >= 0) units[unit].span.classList.add("lit");
  lit = unit;
}

async function ended() {
  if (extra || playing < 0 || playing + 1 >= data.chapters.length) return;
  if (await seek(firsts[playing + 1])) audio.play().catch(() => {});
}

// Deciding.
function pick(unit) {
  if (picked >= 0) for (const each of spoken.get(units[picked].chunk)) units[each].span.classList.remove("picked");
  for (const each of spoken.get(units[unit].chunk)) units[each].span.classList.add("picked");
  picked = unit;
  at("take").replaceChildren(...about(units[unit].chunk));
  at("take").hidden = false;
}

function about(chunk) {
  const [id, number, seed, score, versions] = data.chunks[chunk];
  const said = ["Chunk " + id, "take " + number, data.seeded ? "seed " + seed : "", score === null ? "" : "score " + score];
  return [
    element("p", { className: "soft" }, said.filter(Boolean).join(" · ")),
    command("say-again " + data.book + " " + id + (data.seeded ? "" : ' --text "…"')),
    ...versions.filter((version) => version[0] !== number).map((version) => other(id, version)),
  ];
}

function other(id, [number, text, seed, score, file]) {
  const made = command("choose " + data.book + " " + id + " " + number);
  if (file) {
    const hear = element("button", { type: "button" }, "Hear take " + number);
    hear.addEventListener("click", () => listenFile(file));
    made.append(hear);
  }
  const facts = [data.seeded ? "seed " + seed : "", score === null ? "" : "score " + score, text ? "“" + text + "”" : ""];
  made.append(element("span", { className: "soft", dir: "auto" }, facts.filter(Boolean).join(" · ")));
  return made;
}

function command(words) {
  const code = element("code", {}, "f5-flows book " + words + data.storage);
  const button = element("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return element("div", { className: "command" }, code, button);
}

function doubts() {
  for (const [chunk, reasons] of data.doubts.slice(0, MOST_DOUBTS)) {
    const own = spoken.get(chunk);
    const text = own.map((unit) => units[unit].text).join("").trim();
    const play = element("button", { type: "button", className: "said", dir: "auto" }, text);
    play.addEventListener("click", () => listenChunk(chunk));
    const why = reasons.map((reason) => element("p", { className: "problem" }, reason[0].toUpperCase() + reason.slice(1) + "."));
    const where = element("p", { className: "soft", dir: "auto" }, data.chapters[units[own[0]].chapter].title);
    at("doubts").append(element("li", {}, where, play, ...why, ...about(chunk)));
    for (const unit of own) { units[unit].span.classList.add("doubt"); units[unit].span.title = reasons.join("; "); }
  }
  const more = data.doubts.length - MOST_DOUBTS;
  if (more > 0) at("doubts").after(element("p", { className: "soft" }, "and " + more.toLocaleString("en") + " more"));
  at("check").hidden = !data.doubts.length;
}

at("script").addEventListener("click", (event) => {
  const unit = event.target.dataset.unit;
  if (unit !== undefined && getSelection().isCollapsed) listen(Number(unit));
});
document.addEventListener("keydown", (event) => {
  const name = event.target.tagName;
  if (event.ctrlKey || event.altKey || event.metaKey || name === "SELECT") return;
  if (event.key === " " && name !== "BUTTON") toggle();
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
  else return;
  event.preventDefault();
});
at("play").addEventListener("click", toggle);
at("back").addEventListener("click", () => { until = null; audio.currentTime -= 10; });
at("forward").addEventListener("click", () => { until = null; audio.currentTime += 10; });
at("speed").addEventListener("change", () => { audio.playbackRate = Number(at("speed").value); });
at("chapter").addEventListener("change", () => {
  const chapter = Number(at("chapter").value);
  at("chapter-" + chapter).scrollIntoView();
  if (firsts[chapter] < units.length) { pick(firsts[chapter]); seek(firsts[chapter]); }
});
audio.addEventListener("ended", ended);
for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, () => {
  at("play").classList.toggle("playing", !audio.paused);
  at("play").setAttribute("aria-label", audio.paused ? "Play" : "Pause");
  run();
});
for (const name of ["seeked", "timeupdate"]) audio.addEventListener(name, show);

build();
doubts();
at("bind").append(command("bind " + data.book));
at("total").textContent = clock(data.chapters[0].length);
