// The pictures of the sound: the whole recording, and the seconds around what is heard.
const whole = at("whole"), wave = at("wave"), peaks = bytes(data.peaks);
const BAR = 3, ROW = 20, dark = matchMedia("(prefers-color-scheme: dark)");
let ink = {}, bars = [];

function colours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["accent", "card", "doubt", "guess", "head", "ink", "line", "lit", "soft", "wave"]) ink[name] = style.getPropertyValue("--" + name);
  ink.voices = data.tints.map((name) => style.getPropertyValue("--" + name));
}

// A pen for a canvas in CSS pixels, with the canvas empty.
function pen(canvas) {
  const ratio = window.devicePixelRatio || 1, wide = Math.round(canvas.clientWidth * ratio), high = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  const made = canvas.getContext("2d");
  made.setTransform(ratio, 0, 0, ratio, 0, 0);
  made.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return made;
}

// The mean of the peaks for each bar of the overview, as a share of the largest.
function measure() {
  const count = Math.max(1, Math.floor(whole.clientWidth / BAR)), each = peaks.length / count;
  bars = Array.from({ length: count }, (_, bar) => {
    const first = Math.floor(bar * each), last = Math.max(first + 1, Math.floor((bar + 1) * each));
    let sum = 0;
    for (let i = first; i < last && i < peaks.length; i++) sum += peaks[i];
    return sum / (last - first);
  });
  const most = Math.max(1, ...bars);
  bars = bars.map((level) => level / most);
}

function voiceAt(ms) {
  const block = blocks[begun(blocks, ms, "begins") - 1];
  return ink.voices[block ? block.voice : 0];
}

function bar(draw, x, middle, tall) {
  draw.beginPath();
  draw.roundRect(x, middle - tall / 2, BAR - 1, tall, 1);
  draw.fill();
}

function drawWhole(now) {
  const draw = pen(whole), high = whole.clientHeight, head = now / data.duration * whole.clientWidth;
  bars.forEach((level, index) => {
    const x = index * BAR, heard = x < head;
    draw.fillStyle = many ? voiceAt(index / bars.length * data.duration) : heard ? ink.accent : ink.wave;
    draw.globalAlpha = many && !heard ? 0.35 : 1;
    bar(draw, x, high / 2, Math.max(2, level * (high - 4)));
  });
  draw.globalAlpha = 1;
  draw.fillStyle = ink.head;
  draw.fillRect(Math.min(Math.max(head - 1, 0), whole.clientWidth - 2), 0, 2, high);
}

// So much time is shown that words of usual length can be read.
function windowMs() {
  return wave.clientWidth < 500 ? 2500 : 6000;
}

function windowStart(now) {
  return Math.max(0, Math.min(now - windowMs() / 2, Math.max(0, data.duration - windowMs())));
}

function drawWave(now) {
  if (!wave.clientWidth) return;
  const draw = pen(wave), wide = wave.clientWidth, high = wave.clientHeight - 2 * ROW - 4;
  const from = windowStart(now), until = from + windowMs(), scale = wide / windowMs(), heard = wordAt(now);
  if (heard >= 0) {
    draw.fillStyle = ink.lit;
    draw.globalAlpha = 0.4;
    draw.fillRect((words[heard][START] - from) * scale, 0, (words[heard][END] - words[heard][START]) * scale, wave.clientHeight);
    draw.globalAlpha = 1;
  }
  const each = BAR / scale;
  for (let number = Math.floor(from / each); number * each < until; number++) {
    const first = Math.floor(number * each / data.column), last = Math.max(first + 1, Math.floor((number + 1) * each / data.column));
    let most = 0;
    for (let i = Math.max(0, first); i < last && i < peaks.length; i++) most = Math.max(most, peaks[i]);
    draw.fillStyle = many ? voiceAt(number * each) : number * each < now ? ink.accent : ink.soft;
    bar(draw, (number * each - from) * scale, high / 2 + 2, Math.max(2, most / 255 * high * 0.98));
  }
  let index = begun(words, from, START) - 1;
  while (index > 0 && words[index][END] > from) index--;
  for (index = Math.max(0, index); index < words.length && words[index][START] < until; index++) drawWord(draw, index, from, scale, wide);
  draw.setLineDash([]);
  draw.fillStyle = ink.head;
  draw.fillRect((now - from) * scale - 1, 0, 2, high + 4);
}

// Words stand in two rows by turns, so that each has room for itself; one that has not is left out, never cut.
function drawWord(draw, index, from, scale, wide) {
  const word = words[index], x = (word[START] - from) * scale, bottom = wave.clientHeight, doubtful = doubtOf(word);
  const row = bottom - ROW * (index % 2 ? 0.5 : 1.5) - 2;
  draw.strokeStyle = ink[doubtful || "line"];
  draw.setLineDash(doubtful === "guess" ? [4, 3] : doubtful ? [1, 3] : []);
  draw.beginPath();
  draw.moveTo(x, 0);
  draw.lineTo(x, bottom - 2 * ROW - 2);
  draw.moveTo(x, row - ROW / 2);
  draw.lineTo(x, row + ROW / 2);
  draw.stroke();
  draw.font = "13px system-ui, sans-serif";
  draw.textBaseline = "middle";
  const next = words[index + 2], width = draw.measureText(word[TEXT]).width;
  const end = next ? Math.min((next[START] - from) * scale, wide) : wide;
  if (x >= 0 && x + 4 + width + 4 <= end) {
    draw.fillStyle = ink.ink;
    draw.fillText(word[TEXT], x + 4, row);
  }
}

whole.addEventListener("pointerdown", (event) => { whole.setPointerCapture(event.pointerId); drag(event); });
whole.addEventListener("pointermove", (event) => { if (whole.hasPointerCapture(event.pointerId)) drag(event); });

function drag(event) {
  const box = whole.getBoundingClientRect();
  seek((event.clientX - box.left) / box.width * data.duration);
}

wave.addEventListener("click", (event) => {
  const box = wave.getBoundingClientRect();
  seek(windowStart(position()) + (event.clientX - box.left) / box.width * windowMs());
});

// A click leaves the keys to the page; only who comes here by key moves the playhead by key.
whole.addEventListener("mousedown", (event) => event.preventDefault());

whole.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 5, ArrowUp: 5, ArrowLeft: -5, ArrowDown: -5, PageUp: 60, PageDown: -60 }[event.key];
  if (by) seek(position() + by * 1000);
  else if (event.key === "Home") seek(0);
  else if (event.key === "End") seek(data.duration);
  else return;
  event.preventDefault();
  event.stopPropagation();
});
