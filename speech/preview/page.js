// What the parts of the page share: the data, and small tools.
const data = JSON.parse(document.getElementById("data").textContent);
const TEXT = 0, START = 1, END = 2, CONFIDENCE = 3, GUESSED = 4, SPACE = 5;
const words = data.words, cues = data.cues;
const audio = at("audio");

function at(id) {
  return document.getElementById(id);
}

function element(name, about, ...content) {
  const made = Object.assign(document.createElement(name), about);
  made.append(...content);
  return made;
}

function bytes(text) {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

// Base64 as a file; a megabyte at a time, so that the page answers meanwhile.
async function file(text, type) {
  const parts = [], size = 1 << 20;
  for (let i = 0; i < text.length; i += size) {
    parts.push(bytes(text.slice(i, i + size)));
    if (i + size < text.length) await new Promise((done) => setTimeout(done));
  }
  return new Blob(parts, { type });
}

function clock(ms) {
  const whole = Math.floor(ms / 1000), two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(whole % 60);
}

function size(bytes) {
  return bytes < 1000 ? bytes + " B" : bytes < 1e6 ? Math.round(bytes / 1000) + " kB" : (bytes / 1e6).toFixed(1) + " MB";
}

// How many entries of a sorted list begin at a value or before it.
function begun(list, value, key) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle][key] <= value) low = middle + 1; else high = middle;
  }
  return low;
}

// The word that is heard at a time, or -1.
function wordAt(ms) {
  const last = begun(words, ms, START);
  for (let i = last - 1; i >= 0 && i > last - 8; i--) {
    if (words[i][END] > ms) return i;
  }
  return -1;
}

function doubtOf(word) {
  return word[GUESSED] ? "guess" : word[CONFIDENCE] < data.doubtful ? "doubt" : "";
}
