"""The page of the study: one self-contained file, blind, for one participant after another.

It needs no other file and no network: pictures, style and script are embedded, and a content
security policy forbids anything else, so the page works from a disk and can be mailed. It contains
only opaque ids, and which pictures show the same photo; which system made which is only in the key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape

from colorcli.inline import fill
from colorcli.study.pictures import SIDE, Picture


def study_page(pictures: Sequence[Picture], *, study: str, question: str) -> str:
    """The page.

    Args:
        pictures: in any order; the page stores them sorted by id.
        study: id of the study, which goes into the answers.
        question: a yes-or-no question.

    Returns:
        HTML text.
    """
    listed = sorted(pictures, key=lambda picture: picture.id)
    numbers: dict[str, int] = {}
    shown = [
        [
            picture.id,
            numbers.setdefault(picture.photo, len(numbers)),
            base64.b64encode(picture.jpeg).decode(),
        ]
        for picture in listed
    ]
    # A "<" could end the script element.
    data = json.dumps({"study": study, "pictures": shown}).replace("<", "\\u003c")
    parts = {
        "question": escape(question),
        "count": str(len(listed)),
        "side": str(SIDE),
        "data": data,
        "order": ORDER,
    }
    return fill(_PAGE, parts)


ORDER = """
// The same name gives the same order: FNV-1a into mulberry32.
function generator(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  return () => {
    state = state + 0x6D2B79F5 | 0;
    let t = Math.imul(state ^ state >>> 15, state | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}
function shuffle(list, random) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}
// Every picture once, and no photo twice in a row unless it cannot be helped.
function orderOf(photos, random) {
  const follows = order => order.filter((picture, i) => photos[picture] === photos[order[i - 1]]);
  let best = inRounds(photos, random);
  for (let again = 0; again < 100 && follows(best).length; again++) {
    const other = inRounds(photos, random);
    if (follows(other).length < follows(best).length) best = other;
  }
  return best;
}
// In rounds, each with every photo at most once, so that versions of one photo lie far apart;
// which version comes in which round is drawn by lot for each photo.
function inRounds(photos, random) {
  const versions = new Map();
  photos.forEach((photo, i) => versions.set(photo, [...versions.get(photo) ?? [], i]));
  const most = Math.max(0, ...[...versions.values()].map(own => own.length));
  const rounds = Array.from({ length: most }, () => []);
  for (const own of versions.values()) {
    const first = Math.floor(random() * (most - own.length + 1));
    shuffle(own, random).forEach((picture, i) => rounds[first + i].push(picture));
  }
  const order = [];
  for (const round of rounds) {
    shuffle(round, random);
    // Where rounds meet, a photo would follow itself.
    if (order.length && photos[round[0]] === photos[order.at(-1)]) {
      const other = 1 + Math.floor(random() * (round.length - 1));
      if (other < round.length) [round[0], round[other]] = [round[other], round[0]];
    }
    order.push(...round);
  }
  return order;
}
"""
"""JavaScript: `orderOf(photo number of each picture, generator(text))` → their order."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline';
 base-uri 'none'; form-action 'none'">
<title>{{question}}</title>
<style>
/* Gray throughout, in dark mode too: colours around a picture change how its own look. */
:root { color-scheme: light; accent-color: #333; }
* { box-sizing: border-box; }
body { font: 17px/1.5 system-ui, sans-serif; margin: 0; background: #ccc; color: #111; }
#thanks { outline: none; }
main { max-width: 27rem; min-height: 100vh; min-height: 100dvh; margin: 0 auto; padding: 1rem;
  display: flex; flex-direction: column; }
section { margin: auto 0; display: flex; flex-direction: column; gap: 1rem; }
[hidden] { display: none !important; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0; text-align: center; text-wrap: balance; }
p, ul { margin: 0; }
.count { display: flex; align-items: center; gap: .8rem; font-variant-numeric: tabular-nums; }
progress { flex: 1; height: .5rem; appearance: none; border: 0; border-radius: .25rem;
  background: #aaa; overflow: hidden; }
progress::-webkit-progress-bar { background: #aaa; }
progress::-webkit-progress-value { background: #333; }
progress::-moz-progress-bar { background: #333; }
#picture { width: {{side}}px; height: {{side}}px; margin: .5rem auto; background: #bbb; }
#picture img { width: {{side}}px; height: {{side}}px; display: block; }
.waits img { visibility: hidden; }
button, .button, input, textarea { font: inherit; color: inherit; border-radius: .5rem;
  border: 1px solid #777; background: #fff; padding: .6rem 1rem; }
button, .button { cursor: pointer; touch-action: manipulation; -webkit-user-select: none;
  user-select: none; text-align: center; text-decoration: none; }
button:hover, .button:hover { background: #eee; }
button:active { background: #ddd; }
.strong { background: #222; border-color: #222; color: #fff; }
.strong:hover { background: #000; }
:focus-visible { outline: 3px solid #000; outline-offset: 2px; }
.answers { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem; }
.answers button { min-height: 4.2rem; font-size: 1.2rem; line-height: 1.2; }
.row { display: flex; justify-content: space-between; gap: .8rem; }
.row button { padding: .3rem .7rem; font-size: .9rem; background: none;
  border-color: #999; }
kbd { display: block; font: .8rem system-ui, sans-serif; color: #555; }
.row kbd { display: inline; margin-left: .4rem; }
form { display: grid; gap: .4rem; margin-top: .5rem; }
form button { margin-top: .8rem; }
label { font-weight: 600; }
input, textarea { width: 100%; }
textarea { font: .75rem/1.4 ui-monospace, monospace; height: 9rem; overflow-wrap: anywhere; }
.note { font-size: .9rem; color: #333; }
@media (max-height: 34rem) and (min-width: 34rem) {
  main:has(#trial:not([hidden])) { max-width: 46rem; }
  #trial { display: grid; grid-template: "count count" "picture question" "picture answers"
    "picture row" 1fr / auto 1fr; gap: .6rem 1.5rem; }
  .count { grid-area: count; }
  #trial h1 { grid-area: question; }
  #picture { grid-area: picture; margin: 0; }
  .answers { grid-area: answers; }
  #trial .row { grid-area: row; align-items: end; }
}
@media (hover: none) { kbd { display: none !important; } }
</style>
</head>
<body>
<main>
<noscript>This page needs JavaScript, which is switched off in this browser.</noscript>
<section id="start" hidden>
<h1>{{question}}</h1>
<p>You will see {{count}} pictures, one after the other. Answer yes or no to each.</p>
<p>Use your intuition, and do not spend much time on the finer details.
You may go back, and you may stop whenever you like.</p>
<form id="form">
<label for="name">Your name, or any other word</label>
<input id="name" maxlength="80" autocomplete="off" autocapitalize="off" spellcheck="false"
 placeholder="may be left empty">
<p class="note">It only keeps the answers of several people apart.</p>
<button class="strong">Start</button>
</form>
</section>
<section id="trial" hidden>
<div class="count"><progress id="bar" value="0" max="{{count}}" aria-hidden="true"></progress>
<span id="count" aria-live="polite"></span></div>
<h1>{{question}}</h1>
<div id="picture" class="waits"><img id="image" width="{{side}}" height="{{side}}" alt=""
 draggable="false"></div>
<div class="answers">
<button id="no" aria-keyshortcuts="N ArrowLeft">No<kbd>← or N</kbd></button>
<button id="yes" aria-keyshortcuts="Y ArrowRight">Yes<kbd>→ or Y</kbd></button>
</div>
<div class="row">
<button id="back" aria-keyshortcuts="Backspace">Back<kbd>Backspace</kbd></button>
<button id="stop">Stop here</button>
</div>
</section>
<section id="end" hidden>
<h1 id="thanks" tabindex="-1"></h1>
<p>One last step: save your answers as a file, and send it to whoever asked you.</p>
<a id="file" class="button strong">Save my answers</a>
<label for="text">Or copy this text and send it:</label>
<textarea id="text" readonly spellcheck="false"></textarea>
<button id="copy">Copy the text</button>
<div class="row">
<button id="return"></button>
<button id="next">Next participant</button>
</div>
</section>
</main>
<script type="application/json" id="data">{{data}}</script>
<script>
"use strict";
{{order}}
const { study, pictures } = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const place = "colorize-study-" + study;
const PAUSE = 150; // ms of gray between pictures: one is not judged by its difference to the last
let person = "", answers = [], order = [], shownAt = null, turn = 0, saved = true, address = null;

// Browsers may refuse storage to a page from a disk: then a reload loses the answers.
function remember() {
  try {
    localStorage.setItem(place, JSON.stringify({ person, answers }));
    saved = true;
  } catch { saved = false; }
}
function recall() {
  try {
    const old = JSON.parse(localStorage.getItem(place));
    if (!old || typeof old.person !== "string" || !Array.isArray(old.answers)) return false;
    const its = orderFor(old.person);
    if (!old.answers.every((answer, i) => answer.picture === pictures[its[i]]?.[0])) return false;
    [person, answers, order] = [old.person, old.answers, its];
    return true;
  } catch { return false; }
}
function forget() {
  try { localStorage.removeItem(place); } catch { /* nothing was kept */ }
}
function orderFor(name) {
  const random = generator(study + " " + name.toLowerCase());
  return orderOf(pictures.map(picture => picture[1]), random);
}
function open(id) {
  for (const section of document.querySelectorAll("section")) section.hidden = section.id !== id;
  window.scrollTo(0, 0);
}
function begin() {
  forget();
  [person, answers, order, saved] = ["", [], [], true];
  $("name").value = "";
  open("start");
}
async function show() {
  if (answers.length === order.length) { finish(); return; }
  open("trial");
  const mine = ++turn;
  shownAt = null;
  $("picture").className = "waits";
  $("count").textContent = `${answers.length + 1} of ${order.length}`;
  $("bar").value = answers.length;
  $("back").disabled = answers.length === 0;
  const image = $("image");
  image.alt = `Picture ${answers.length + 1}`;
  image.src = "data:image/jpeg;base64," + pictures[order[answers.length]][2];
  await Promise.all([
    image.decode().catch(() => {}), new Promise(done => setTimeout(done, PAUSE))]);
  if (mine !== turn) return;
  $("picture").className = "";
  requestAnimationFrame(() => { if (mine === turn) shownAt = performance.now(); });
}
function answer(natural) {
  if (shownAt === null) return; // not on the screen yet: a second tap, meant for the last one
  const picture = pictures[order[answers.length]][0];
  answers.push({ picture, natural, ms: Math.round(performance.now() - shownAt) });
  remember();
  show();
}
function back() {
  if (answers.length === 0) return;
  answers.pop();
  remember();
  show();
}
function finish() {
  turn++;
  shownAt = null;
  open("end");
  const all = answers.length === order.length;
  $("thanks").textContent = all ? "That was all. Thank you!"
    : `Thank you! ${answers.length} of ${order.length} answered.`;
  $("return").textContent = all ? "Back to the last picture" : "Go on answering";
  $("copy").textContent = "Copy the text";
  const text = JSON.stringify(
    { colorize_study_answers: 1, study, participant: person, answers });
  $("text").value = text;
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  $("file").href = address;
  $("file").download = `answers-${person.replace(/[^\\p{L}\\p{N}_-]+/gu, "-")}.json`;
  $("thanks").focus({ preventScroll: true });
}
$("form").addEventListener("submit", event => {
  event.preventDefault();
  person = $("name").value.trim().replace(/\\s+/g, " ");
  if (!person) {
    const lot = crypto.getRandomValues(new Uint32Array(1))[0];
    person = "guest-" + lot.toString(16).padStart(8, "0");
  }
  answers = [];
  order = orderFor(person);
  remember();
  show();
});
$("yes").addEventListener("click", () => answer(true));
$("no").addEventListener("click", () => answer(false));
$("back").addEventListener("click", back);
$("stop").addEventListener("click", finish);
$("return").addEventListener("click", () => answers.length === order.length ? back() : show());
$("file").addEventListener("click", () => { saved = true; });
$("copy").addEventListener("click", async () => {
  $("text").select();
  try {
    await navigator.clipboard.writeText($("text").value);
    $("copy").textContent = "Copied";
  } catch { // browsers may refuse it to a page from a disk
    $("copy").textContent = document.execCommand("copy") ? "Copied" : "Now press Ctrl+C";
  }
});
$("next").addEventListener("click", () => {
  if (confirm("Are these answers saved? They are removed from this page now.")) begin();
});
document.addEventListener("keydown", event => {
  if ($("trial").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {
    arrowleft: () => answer(false), n: () => answer(false),
    arrowright: () => answer(true), y: () => answer(true), backspace: back,
  }[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});
// Time spent elsewhere is not time to an answer.
let hiddenAt = document.hidden ? performance.now() : null;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenAt = performance.now();
  else if (hiddenAt !== null) {
    if (shownAt !== null) shownAt += performance.now() - Math.max(hiddenAt, shownAt);
    hiddenAt = null;
  }
});
window.addEventListener("beforeunload", event => {
  if (!saved && answers.length) event.preventDefault();
});
if (recall()) show(); else begin();
</script>
</body>
</html>
"""
