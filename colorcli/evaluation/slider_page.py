"""One self-contained HTML page to compare colourings of the same photos with sliders.

It needs no other file and no network: pictures, style and script are embedded, and a content
security policy forbids anything else, so the page works from a disk and can be mailed. Without
JavaScript the pictures of each photo are side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from colorcli.evaluation.comparison import Shown
from colorcli.inline import data_uri, encode_jpeg, fill


def slider_page(
    titles: Sequence[str],
    rows: Sequence[Shown],
    *,
    heading: str,
    table: Sequence[Sequence[str]] = (),
    quality: int = 88,
) -> str:
    """The page.

    Args:
        titles: of the pictures, in the order offered; the slider starts with the first on the left
            and the second on the right.
        rows: the photos.
        heading: of the page.
        table: header row, then one row each with its name first; empty for none.
        quality: of the JPEG pictures, 0-100.

    Returns:
        HTML text.
    """
    parts = {
        "heading": escape(heading),
        "table": _table(table),
        "figures": "\n".join(_figure(titles, row, quality) for row in rows),
    }
    return fill(_PAGE, parts)


def _figure(titles: Sequence[str], row: Shown, quality: int) -> str:
    pictures = "\n".join(
        f'<div class="picture"><img src="{data_uri(encode_jpeg(row.pictures[title], quality))}" '
        f'alt="{escape(row.key)}, {escape(title)}" data-title="{escape(title)}">'
        f"<span>{escape(title)}</span></div>"
        for title in titles
        if title in row.pictures
    )
    return (
        f'<figure><figcaption>{escape(row.key)}</figcaption><div class="strip">\n{pictures}\n'
        "</div></figure>"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows[1:]
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{{heading}}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; }
.scroll { overflow-x: auto; }
h1 { line-height: 1.25; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #8886; text-align: right; }
th[scope=row], th:first-child { text-align: left; white-space: pre; }
main { display: flex; flex-wrap: wrap; gap: 2.5rem; margin: 2.5rem 0; }
figure { margin: 0; width: 100%; }
figure:has(.stage) { width: auto; max-width: 100%; }
figcaption { font-weight: 600; overflow-wrap: anywhere; width: 0; min-width: 100%; }
.strip { display: flex; flex-wrap: wrap; gap: .5rem; }
.picture { flex: 1 1 9rem; max-width: 14rem; }
.picture img { width: 100%; display: block; }
.stage { position: relative; width: fit-content; max-width: 100%; line-height: 0; }
.stage img { min-width: min(28rem, 90vw); max-width: 100%; max-height: 80vh;
  object-fit: contain; }
.stage .over { position: absolute; inset: 0; width: 100%; height: 100%;
  clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.stage::after { content: ""; position: absolute; inset: 0 auto 0 var(--at); width: 2px;
  margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.stage input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: ew-resize; touch-action: pan-y; appearance: none; -webkit-appearance: none; }
/* A wide thumb would keep the line from following the pointer to the edges. */
.stage input::-webkit-slider-thumb { -webkit-appearance: none; width: 1px; height: 100%; }
.stage input::-moz-range-thumb { width: 1px; height: 100%; border: 0; }
.stage:focus-within { outline: 3px solid Highlight; outline-offset: 2px; }
.choice { display: flex; justify-content: space-between; gap: 1rem; margin: .4rem 0; }
select { font: inherit; }
</style>
</head>
<body>
<h1>{{heading}}</h1>
{{table}}
<main>
{{figures}}
</main>
<script>
for (const figure of document.querySelectorAll("figure")) {
  const strip = figure.querySelector(".strip");
  const pictures = [...strip.querySelectorAll("img")];
  if (pictures.length < 2) continue;
  const name = figure.querySelector("figcaption").textContent;
  const stage = document.createElement("div");
  stage.className = "stage";
  const under = new Image(), over = new Image();
  over.className = "over";
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: 100, step: 0.5, value: 50 });
  slider.setAttribute("aria-label", name + ": how much of the left picture is seen");
  const move = () => {
    stage.style.setProperty("--at", slider.value + "%");
    slider.setAttribute("aria-valuetext", Math.round(slider.value) + " percent");
  };
  slider.addEventListener("input", move);
  stage.append(under, over, slider);
  const choice = document.createElement("div");
  choice.className = "choice";
  for (const [side, image, first] of [["left", over, 0], ["right", under, 1]]) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", name + ": picture on the " + side);
    pictures.forEach((picture, i) => select.add(
      new Option(picture.dataset.title, i, false, i === first)));
    const show = () => {
      image.src = pictures[select.value].src;
      image.alt = pictures[select.value].alt;
    };
    select.addEventListener("change", show);
    show();
    choice.append(select);
  }
  move();
  strip.hidden = true;
  strip.style.display = "none";
  figure.append(stage, choice);
}
</script>
</body>
</html>
"""
