// The script: its passages as in a book, whose words become elements only when they are about to be seen.
const MOST_LISTED = 200;
const blocks = [];
const script = at("script"), many = data.voices.length > 1;
const seen = new IntersectionObserver(
  (entries) => { for (const entry of entries) if (entry.isIntersecting) dress(blocks[entry.target.dataset.block]); },
  { rootMargin: "100% 0px" },
);

function build() {
  let first = 0, list = null, named = -1;
  for (const [kind, count, level, voice, language, continues] of data.blocks) {
    const before = blocks[blocks.length - 1];
    const block = { kind, first, count, voice, begins: count ? words[first][START] : before ? before.begins : 0 };
    block.place = kind === "scene" ? separator() : passage(block, level, language, continues);
    if (many && voice !== named && kind !== "heading" && count) {
      block.text.before(element("span", { className: "voice", dir: "auto" }, data.voices[voice]));
      named = voice;
    }
    block.place.dataset.block = blocks.length;
    blocks.push(block);
    if (kind === "item") {
      list ||= script.appendChild(element("div", { role: "list" }));
      block.place.setAttribute("role", "listitem");
    } else list = null;
    (list || script).append(block.place);
    first += count;
  }
  for (const block of blocks) if (block.count) { estimate(block); seen.observe(block.place); }
  if (many) legend();
}

function separator() {
  const made = element("div", { className: "scene" }, "•••");
  made.setAttribute("role", "separator");
  made.setAttribute("aria-label", "Scene break");
  return made;
}

function passage(block, level, language, continues) {
  const tag = block.kind === "heading" ? "h" + Math.min(Math.max(level, 1) + 1, 6) : block.kind === "quotation" ? "blockquote" : "p";
  const said = element(tag, { className: "said", dir: "auto" });
  if (language) said.lang = language;
  const place = element("div", { className: "block " + block.kind }, timeButton(block.begins, block.first), said);
  if (continues) place.classList.add("continues");
  if (many) {
    place.classList.add("voiced");
    place.style.setProperty("--own", "var(--" + data.tints[block.voice] + ")");
  }
  block.text = said.appendChild(element("span", {}, ...plain(block)));
  return place;
}

function plain(block) {
  let text = "";
  for (let i = block.first; i < block.first + block.count; i++) text += words[i][TEXT] + (words[i][SPACE] === "\n" ? "" : words[i][SPACE]);
  return [text];
}

// The height of a block that was never drawn, so that the scroll bar is about right.
function estimate(block) {
  const columns = Math.max(20, Math.min(680, window.innerWidth - 80) / 9.5);
  const lines = Math.ceil(block.text.textContent.length / columns);
  block.place.style.containIntrinsicBlockSize = "auto " + Math.round(lines * 32) + "px";
}

function dress(block) {
  if (block.spans || !block.count) return;
  block.spans = [];
  const parts = [];
  for (let i = block.first; i < block.first + block.count; i++) {
    const word = words[i], span = element("span", { className: "word " + doubtOf(word) }, word[TEXT]);
    span.dataset.index = i;
    if (doubtOf(word)) span.title = doubt(word);
    block.spans.push(span);
    parts.push(span, word[SPACE] === "\n" ? "" : word[SPACE]);
  }
  block.text.replaceChildren(...parts);
}

function doubt(word) {
  return word[GUESSED] ? "Not heard; placed between its neighbours" : "Confidence " + Math.round(word[CONFIDENCE] * 100) + " %";
}

function timeButton(ms, word) {
  const made = element("button", { type: "button", className: "at" }, clock(ms));
  made.setAttribute("aria-label", "Play from " + clock(ms));
  made.addEventListener("click", () => listen(word));
  return made;
}

function legend() {
  at("voices").hidden = false;
  data.voices.forEach((name, index) => {
    const entry = element("li", { dir: "auto" }, name);
    entry.style.color = "var(--" + data.tints[index] + ")";
    at("voices").append(entry);
  });
}

function blockOf(word) {
  let low = 0, high = blocks.length;
  while (low < high) { const middle = (low + high) >> 1; if (blocks[middle].first <= word) low = middle + 1; else high = middle; }
  return blocks[low - 1];
}

function spanOf(word) {
  const block = blockOf(word);
  dress(block);
  return block.spans[word - block.first];
}

let lit = -1, current = null;

function light(word) {
  if (word === lit) return;
  if (lit >= 0) spanOf(lit).classList.remove("lit");
  if (word >= 0) {
    spanOf(word).classList.add("lit");
    const block = blockOf(word);
    if (block !== current) {
      if (current) { current.place.classList.remove("current"); current.place.removeAttribute("aria-current"); }
      block.place.classList.add("current");
      block.place.setAttribute("aria-current", "true");
      current = block;
    }
  }
  lit = word;
  if (!audio.paused) follow();
}

// The text follows the voice until the reader scrolls, and again when the reader asks for it.
let following = true, still = 0;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function follow() {
  if (!following || lit < 0 || performance.now() < still) return;
  const span = spanOf(lit), top = at("player").getBoundingClientRect().bottom, room = window.innerHeight - top;
  const { top: above, bottom: below } = span.getBoundingClientRect();
  if (above >= top + 8 && below <= window.innerHeight - room * 0.2) return;
  const by = above - top - room * 0.25, far = Math.abs(by) > 2 * window.innerHeight;
  window.scrollBy({ top: by, behavior: far || calm.matches ? "instant" : "smooth" });
  still = performance.now() + (far ? 50 : 600);
}

function setFollowing(value) {
  following = value;
  at("follow").hidden = value;
  still = 0;
  if (value) follow();
}

function readerScrolls() {
  if (!audio.paused) setFollowing(false);
}

for (const name of ["wheel", "touchmove"]) window.addEventListener(name, readerScrolls, { passive: true });
window.addEventListener("pointerdown", (event) => { if (event.clientX >= document.documentElement.clientWidth) readerScrolls(); });
at("follow").addEventListener("click", () => setFollowing(true));

script.addEventListener("click", (event) => {
  const index = event.target.dataset.index;
  if (index !== undefined && getSelection().isCollapsed) jump(Number(index));
});

function notes() {
  let doubtful = 0, first = 0;
  words.forEach((word, index) => {
    if (!doubtOf(word) || ++doubtful > MOST_LISTED) return;
    const button = element("button", { type: "button", dir: "auto" }, word[TEXT]);
    button.setAttribute("aria-label", word[TEXT] + ", at " + clock(word[START]) + ". " + doubt(word));
    button.addEventListener("click", () => listen(index));
    at("doubts").append(button);
  });
  if (doubtful > MOST_LISTED) at("doubts").append(more(doubtful));
  at("check").hidden = !doubtful;
  let broken = 0;
  for (const [start, , count, problems] of cues) {
    if (problems.length && ++broken <= MOST_LISTED) at("broken").append(cue(start, first, count, problems));
    first += count;
  }
  if (broken > MOST_LISTED) at("broken").append(more(broken));
  at("rules").hidden = !broken;
  for (const note of data.notes) at("notes").append(element("li", { dir: "auto" }, note));
  at("noted").hidden = !data.notes.length;
}

function cue(start, first, count, problems) {
  const text = words.slice(first, first + count).map((word) => word[TEXT] + word[SPACE]).join("").trim();
  const about = problems.map((problem) => element("p", { className: "problem" }, problem));
  return element("li", {}, timeButton(start, first), element("div", {}, element("p", { dir: "auto" }, text), ...about));
}

function more(count) {
  return element("p", { className: "soft" }, "and " + (count - MOST_LISTED).toLocaleString("en") + " more");
}
